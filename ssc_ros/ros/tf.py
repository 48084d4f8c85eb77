"""TF as a source of transforms: by tf2_ros where that is installed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ssc_ros.assembly.followed_transforms import FollowedTransforms
from ssc_ros.assembly.transforms import LiveTransformSource, Matrix, Take
from ssc_ros.core import SscError
from ssc_ros.messages.poses import read_transform
from ssc_ros.messages.stamps import header_stamp
from ssc_ros.ros.tf_reader import TfReader


class NoTransformSource:
    """Stands in where nothing of TF is installed."""

    name = "parameters only (neither tf2_ros nor tf2_msgs is installed)"

    def listen(self) -> None:
        """Hears nothing."""

    def follow(self, target: str, source: str, take: Take) -> Callable[[], None]:
        """Hears nothing."""
        raise SscError(
            "parameter odometry.source is 'tf', but neither tf2_ros nor tf2_msgs is installed: install ROS's "
            "tf2_ros_py, or without ROS ./ssc_ros_msgs; or publish nav_msgs/Odometry and set odometry.source to 'topic'"
        )

    def lookup(self, target: str, source: str) -> Matrix:
        """Knows nothing."""
        raise LookupError("neither tf2_ros nor tf2_msgs is installed, so /tf_static cannot be asked")


class TfSource(FollowedTransforms):
    """The transforms of /tf and /tf_static, by tf2_ros, which are subscribed to when somebody asks.

    A robot's /tf takes 8 % of a core at 200 messages a second of ten transforms.
    """

    name = "parameters, then TF"

    def __init__(self, node: Any) -> None:
        """Listen on the node's own executor, later; needs tf2_ros."""
        import tf2_ros

        super().__init__()
        self._tf2_ros, self._node = tf2_ros, node
        self._buffer: Any = None

    def listen(self) -> None:
        """Subscribe, so that transforms are there when they are asked for."""
        if self._buffer is None:
            self._buffer = self._tf2_ros.Buffer(node=self._node)
            # it fills whatever has the two setters of a buffer: us, so that we hear of what is new
            self._listener = self._tf2_ros.TransformListener(self, self._node, spin_thread=False)

    def follow(self, target: str, source: str, take: Take) -> Callable[[], None]:
        """See `LiveTransformSource`."""
        self.listen()
        return super().follow(target, source, take)

    def set_transform(self, transform: Any, authority: str) -> None:
        """Take a geometry_msgs/TransformStamped of /tf."""
        self._buffer.set_transform(transform, authority)
        self.tell()

    def set_transform_static(self, transform: Any, authority: str) -> None:
        """Take a geometry_msgs/TransformStamped of /tf_static."""
        self._buffer.set_transform_static(transform, authority)

    def newest(self, target: str, source: str) -> tuple[int, Matrix]:
        """See `FollowedTransforms`; does not wait, because its answer comes by the caller's own executor."""
        from rclpy.time import Time

        self.listen()
        try:
            found = self._buffer.lookup_transform(target, source, Time())
        except self._tf2_ros.TransformException as error:
            raise LookupError(f"TF says: {error}") from error
        try:
            return header_stamp(found), read_transform(found.transform)
        except SscError as error:
            raise LookupError(f"TF says: {error}") from error


def transform_source(node: Any) -> LiveTransformSource:
    """TF by tf2_ros where that is installed, else by our own reader, else nothing."""
    with suppress(ModuleNotFoundError):
        return TfSource(node)
    with suppress(ModuleNotFoundError):
        return TfReader(node)
    return NoTransformSource()
