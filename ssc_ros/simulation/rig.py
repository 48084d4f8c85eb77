"""The sensors of a vehicle, and where they are in the grid frame.

The grid frame is the same for every rig: x ahead, y left, z up, its origin 1.73 m above the ground. It is the frame of
KITTI's LiDAR, in which voxels, poses and the points of every sweep are written.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ssc_ros.simulation.beams import HDL64E, LidarModel
from ssc_ros.simulation.calibration import LEFT, RIGHT, Calibration, PinholeCamera, calibration_of


@dataclass(frozen=True)
class Rig:
    """A stereo camera and a LiDAR.

    Attributes:
        calibration: of the cameras, and their pose in the grid frame.
        lidar: beams and limits.
        T_grid_lidar: (4, 4), frame of the LiDAR -> grid frame.
        mono: whether images are grey.
    """

    calibration: Calibration
    lidar: LidarModel
    T_grid_lidar: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    mono: bool = False

    @property
    def surveys(self) -> bool:
        """Whether the LiDAR is KITTI's in KITTI's place, so that its sweeps can make ground truth."""
        return self.lidar == HDL64E and bool((self.T_grid_lidar == np.eye(4)).all())

    @property
    def left(self) -> PinholeCamera:
        """The left camera."""
        return self.calibration.camera(LEFT)

    @property
    def right(self) -> PinholeCamera:
        """The right camera."""
        return self.calibration.camera(RIGHT)


def kitti_rig(sequence: int) -> Rig:
    """Return the sensors of KITTI, calibrated as for the sequence of that number."""
    return Rig(calibration_of(sequence), HDL64E)
