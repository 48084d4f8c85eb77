"""/tf_static and /tf without tf2_ros: listened to by the node itself, and only if somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from rclpy.subscription import Subscription

from ssc_ros.assembly.followed_transforms import FollowedTransforms
from ssc_ros.assembly.transform_tree import TransformTree
from ssc_ros.assembly.transforms import Matrix, Take

DEPTH = 100
"""Of both queues, as tf2's listener has them."""


class TfReader(FollowedTransforms):
    """Transforms of /tf_static, and of /tf where these do not suffice."""

    name = "parameters, then TF (read without tf2_ros)"

    def __init__(self, node: Any) -> None:
        """Listen to nothing yet.

        Args:
            node: owns the subscriptions.

        Raises:
            ModuleNotFoundError: tf2_msgs is not installed.
        """
        from tf2_msgs.msg import TFMessage

        super().__init__()
        self._node, self._message = node, TFMessage
        self._tree = TransformTree(name="TF")
        self._static: Subscription | None = None
        self._moving: Subscription | None = None

    def listen(self) -> None:
        """Listen to /tf_static, so that it has been heard when the first frame comes."""
        self._listen_to_static()

    def newest(self, target: str, source: str) -> tuple[int, Matrix]:
        """See `FollowedTransforms`."""
        return self._tree.newest(target, source)

    def lookup(self, target: str, source: str) -> Matrix:
        """The newest transform; whoever asks in vain makes it listen to /tf too, until it is found."""
        self._listen_to_static()
        try:
            found = super().lookup(target, source)
        except LookupError:
            self._listen_to_moving()
            raise
        if not self._followers:
            self._leave_moving()
        return found

    def follow(self, target: str, source: str, take: Take) -> Callable[[], None]:
        """See `LiveTransformSource`."""
        self._listen_to_static()
        self._listen_to_moving()
        forget = super().follow(target, source, take)

        def stop() -> None:
            forget()
            if not self._followers:
                self._leave_moving()

        return stop

    def _listen_to_static(self) -> None:
        if self._static is None:
            latched = QoSProfile(depth=DEPTH, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
            self._static = self._node.create_subscription(self._message, "/tf_static", self._take_static, latched)

    def _listen_to_moving(self) -> None:
        if self._moving is None:
            self._moving = self._node.create_subscription(self._message, "/tf", self._take_moving, DEPTH)

    def _leave_moving(self) -> None:
        subscription, self._moving = self._moving, None
        if subscription is not None:
            self._node.destroy_subscription(subscription)

    def _take_static(self, message: Any) -> None:
        self._tree.take_static(message)
        self.tell()

    def _take_moving(self, message: Any) -> None:
        self._tree.take(message)
        self.tell()
