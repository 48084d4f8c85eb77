"""Where the sensors are: from the parameters, else from TF where it is installed. Never a guessed identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SscError, poses
from ssc_ros.ros.drops import Drop, UnusableInput
from ssc_ros.ros.synchronizer import header_stamp

Matrix = NDArray[np.float64]


class TransformSource(Protocol):
    """Somebody who knows static transforms between named frames."""

    name: str

    def lookup(self, target: str, source: str) -> Matrix:
        """`T_target_source` (4, 4).

        Raises:
            LookupError: it is not known (yet); the text says why.
        """


Take = Callable[[int, Matrix], None]
"""Takes a transform (4, 4) and its stamp [ns]."""


class LiveTransformSource(TransformSource, Protocol):
    """Somebody who also hears how frames move."""

    def follow(self, target: str, source: str, take: Take) -> Callable[[], None]:
        """Hand over `T_target_source` whenever it gets newer, until what is returned is called.

        Raises:
            SscError: nobody can tell.
        """


class NoTransformSource:
    """Stands in where TF is not installed."""

    name = "parameters only (tf2_ros is not installed)"

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
    """The transforms of /tf and /tf_static."""

    name = "parameters, then TF"

    def __init__(self, node: Any) -> None:
        """Listen on the node's own executor; needs tf2_ros."""
        from tf2_ros import Buffer, TransformListener

        self._buffer = Buffer(node=node)
        self._followers: list[Callable[[], None]] = []
        # it fills whatever has the two setters of a buffer: us, so that we hear of what is new
        self._listener = TransformListener(self, node, spin_thread=False)

    def lookup(self, target: str, source: str) -> Matrix:
        """The newest transform; does not wait, because its answer comes by the caller's own executor."""
        return self._newest(target, source)[1]

    def follow(self, target: str, source: str, take: Take) -> Callable[[], None]:
        """See `LiveTransformSource`; a transform without a stamp is static and tells nothing of motion."""
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
        from tf2_ros import TransformException

        try:
            found = self._buffer.lookup_transform(target, source, Time())
        except TransformException as error:
            raise LookupError(f"TF says: {error}") from error
        t, q = found.transform.translation, found.transform.rotation
        matrix = poses.from_quaternion(np.array([q.x, q.y, q.z, q.w]), np.array([t.x, t.y, t.z]))
        return header_stamp(found), matrix


def transform_source(node: Any) -> LiveTransformSource:
    """TF where it is installed, else nothing."""
    try:
        return TfSource(node)
    except ModuleNotFoundError:
        return NoTransformSource()


@dataclass(frozen=True)
class Mount:
    """How one sensor says where it is.

    Attributes:
        sensor: the parameter group: "camera", "lidar" or "odometry".
        wrong_frame, unknown: what an unusable message is counted as.
        frame_id: the frame that its messages must be in; empty for any.
        extrinsics: pose in the grid frame (x, y, z, qx, qy, qz, qw), or empty to ask the source.
        optical: its frame has z forward, so that it cannot be the grid's.
    """

    sensor: str
    wrong_frame: Drop
    unknown: Drop
    frame_id: str = ""
    extrinsics: tuple[float, ...] = ()
    optical: bool = False


@dataclass(frozen=True)
class Transforms:
    """Sensor frames in the grid frame; each is asked for once and then remembered.

    Attributes:
        grid_frame: name of the grid frame.
        source: asked where the parameters say nothing.
    """

    grid_frame: str
    source: TransformSource
    _known: dict[tuple[str, str], Matrix] = field(default_factory=dict)

    def forget(self) -> None:
        """Ask again for each transform."""
        self._known.clear()

    def of(self, mount: Mount, frame_id: str) -> Matrix:
        """Transform (4, 4), the sensor's frame -> grid frame.

        Raises:
            UnusableInput: the message is in another frame than was configured, or nobody knows the transform.
        """
        if mount.frame_id and frame_id != mount.frame_id:
            raise UnusableInput(
                mount.wrong_frame,
                f"{mount.sensor} message is in frame '{frame_id}', but the parameter {mount.sensor}.frame_id is "
                f"'{mount.frame_id}'; correct the one that is wrong",
            )
        key = mount.sensor, frame_id
        if key not in self._known:
            self._known[key] = self._find(mount, frame_id)
        return self._known[key]

    def _find(self, mount: Mount, frame_id: str) -> Matrix:
        if mount.extrinsics:
            return poses.from_quaternion(np.array(mount.extrinsics[3:]), np.array(mount.extrinsics[:3]))
        if frame_id == self.grid_frame:
            return self._same_frame(mount)
        try:
            return self.source.lookup(self.grid_frame, frame_id)
        except LookupError as error:
            raise UnusableInput(
                mount.unknown,
                f"no transform from {mount.sensor} frame '{frame_id}' to grid frame '{self.grid_frame}' ({error}); "
                f"set the parameter {mount.sensor}.extrinsics or publish the static transform",
            ) from error

    def _same_frame(self, mount: Mount) -> Matrix:
        if mount.optical:
            raise UnusableInput(
                mount.unknown,
                f"{mount.sensor} message is in the grid frame '{self.grid_frame}', which has z up; P speaks of an "
                "optical frame (z forward): correct the frame_id of the camera_info",
            )
        return np.eye(4)
