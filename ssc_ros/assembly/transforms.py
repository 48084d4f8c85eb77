"""Where the sensors are: from the parameters, else from a source of transforms. Never a guessed identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import poses
from ssc_ros.messages.drops import Drop, UnusableInput

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

    def expect(self) -> None:
        """Be ready: somebody will ask for static transforms."""

    def follow(self, target: str, source: str, take: Take) -> Callable[[], None]:
        """Hand over `T_target_source` whenever it gets newer, until what is returned is called.

        Raises:
            SscError: nobody can tell.
        """


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
