"""TF as a source of transforms, where tf2_ros is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ssc_ros.assembly.transforms import LiveTransformSource, Matrix, Take
from ssc_ros.core import SscError
from ssc_ros.messages.poses import read_transform
from ssc_ros.messages.stamps import header_stamp


class NoTransformSource:
    """Stands in where TF is not installed."""

    name = "parameters only (tf2_ros is not installed)"

    def listen(self) -> None:
        """Hears nothing."""

    def follow(self, target: str, source: str, take: Take) -> Callable[[], None]:
        """Hears nothing."""
        raise SscError(
            "parameter odometry.source is 'tf', but tf2_ros is not installed: install ROS's tf2_ros_py, or publish "
            "nav_msgs/Odometry and set odometry.source to 'topic'"
        )

    def lookup(self, target: str, source: str) -> Matrix:
        """Knows nothing."""
        raise LookupError("tf2_ros is not installed, so /tf_static cannot be asked")


class TfSource:
    """The transforms of /tf and /tf_static, which are subscribed to when somebody asks.

    A robot's /tf takes 8 % of a core at 200 messages a second of ten transforms.
    """

    name = "parameters, then TF"

    def __init__(self, node: Any) -> None:
        """Listen on the node's own executor, later; needs tf2_ros."""
        import tf2_ros

        self._tf2_ros, self._node = tf2_ros, node
        self._buffer: Any = None
        self._followers: list[Callable[[], None]] = []

    def listen(self) -> None:
        """Subscribe, so that transforms are there when they are asked for."""
        if self._buffer is None:
            self._buffer = self._tf2_ros.Buffer(node=self._node)
            # it fills whatever has the two setters of a buffer: us, so that we hear of what is new
            self._listener = self._tf2_ros.TransformListener(self, self._node, spin_thread=False)

    def lookup(self, target: str, source: str) -> Matrix:
        """The newest transform; does not wait, because its answer comes by the caller's own executor."""
        self.listen()
        return self._newest(target, source)[1]

    def follow(self, target: str, source: str, take: Take) -> Callable[[], None]:
        """See `LiveTransformSource`; a transform without a stamp is static and tells nothing of motion."""
        self.listen()
        known = 0

        def look() -> None:
            nonlocal known
            try:
                stamp, transform = self._newest(target, source)
            except LookupError:  # not yet; who misses the transform will say so
                return
            if stamp != known:
                known = stamp
                take(stamp, transform)

        self._followers.append(look)
        return lambda: self._followers.remove(look)

    def set_transform(self, transform: Any, authority: str) -> None:
        """Take a geometry_msgs/TransformStamped of /tf."""
        self._buffer.set_transform(transform, authority)
        for look in self._followers:
            look()

    def set_transform_static(self, transform: Any, authority: str) -> None:
        """Take a geometry_msgs/TransformStamped of /tf_static."""
        self._buffer.set_transform_static(transform, authority)

    def _newest(self, target: str, source: str) -> tuple[int, Matrix]:
        """`T_target_source` at the newest stamp [ns] at which all transforms between the two frames are known."""
        from rclpy.time import Time

        try:
            found = self._buffer.lookup_transform(target, source, Time())
        except self._tf2_ros.TransformException as error:
            raise LookupError(f"TF says: {error}") from error
        try:
            return header_stamp(found), read_transform(found.transform)
        except SscError as error:
            raise LookupError(f"TF says: {error}") from error


def transform_source(node: Any) -> LiveTransformSource:
    """TF where it is installed, else nothing."""
    try:
        return TfSource(node)
    except ModuleNotFoundError:
        return NoTransformSource()
