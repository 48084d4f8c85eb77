"""The sensors of a vehicle."""

from __future__ import annotations

from dataclasses import dataclass

from ssc_ros.simulation.beams import HDL64E, LidarModel
from ssc_ros.simulation.calibration import LEFT, RIGHT, Calibration, PinholeCamera, calibration_of


@dataclass(frozen=True)
class Rig:
    """A stereo camera and a LiDAR.

    Attributes:
        calibration: of the cameras, and their pose in the LiDAR frame.
        lidar: beams, limits and mount.
    """

    calibration: Calibration
    lidar: LidarModel

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
