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

    def expect(self) -> None:
        """Cannot be asked."""

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
    """The transforms of /tf and /tf_static, by tf2_ros."""

    name = "parameters, then TF"

    def __init__(self, node: Any) -> None:
        """Listen on the node's own executor; needs tf2_ros."""
        from tf2_ros import Buffer, TransformListener

        super().__init__()
        self._buffer = Buffer(node=node)
        # it fills whatever has the two setters of a buffer: us, so that we hear of what is new
        self._listener = TransformListener(self, node, spin_thread=False)

    def expect(self) -> None:
        """See `LiveTransformSource`; tf2's listener always listens."""

    def set_transform(self, transform: Any, authority: str) -> None:
        """Take a geometry_msgs/TransformStamped of /tf."""
        self._buffer.set_transform(transform, authority)
        self.tell()

    def set_transform_static(self, transform: Any, authority: str) -> None:
        """Take a geometry_msgs/TransformStamped of /tf_static."""
        self._buffer.set_transform_static(transform, authority)

    def newest(self, target: str, source: str) -> tuple[int, Matrix]:
        """See `FollowedTransforms`."""
        from rclpy.time import Time
        from tf2_ros import TransformException

        try:
            found = self._buffer.lookup_transform(target, source, Time())
        except TransformException as error:
            raise LookupError(f"TF says: {error}") from error
        return header_stamp(found), read_transform(found.transform)


def transform_source(node: Any) -> LiveTransformSource:
    """TF by tf2_ros where that is installed, else by our own reader, else nothing."""
    with suppress(ModuleNotFoundError):
        return TfSource(node)
    with suppress(ModuleNotFoundError):
        return TfReader(node)
    return NoTransformSource()
