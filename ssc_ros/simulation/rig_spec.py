"""A rig in the numbers that a person would measure, and the calibration that follows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import GRID_HEIGHT, poses
from ssc_ros.simulation.beams import HDL64E, LidarModel
from ssc_ros.simulation.calibration import Calibration
from ssc_ros.simulation.rig import Rig


@dataclass(frozen=True)
class CameraSpec:
    """A rectified stereo camera and its mount.

    Attributes:
        width, height: of an image [px].
        focal_length: of both cameras [px].
        baseline: distance between both cameras [m].
        mount_height: of the left camera above the ground [m].
        pitch: how far the optical axis points down [deg].
        roll: how far the camera is turned to the right about its optical axis [deg].
        forward, left: place of the left camera, from the origin of the grid [m].
        principal_x, principal_y: pixel on the optical axis [px]; None is the middle of the image.
        mono: whether images are grey.
    """

    width: int
    height: int
    focal_length: float
    baseline: float
    mount_height: float
    pitch: float = 0.0
    roll: float = 0.0
    forward: float = 0.0
    left: float = 0.0
    principal_x: float | None = None
    principal_y: float | None = None
    mono: bool = False

    def calibration(self) -> Calibration:
        """Return the content of calib.txt; both left cameras are one, and so are both right cameras."""
        cx = (self.width - 1) / 2 if self.principal_x is None else self.principal_x
        cy = (self.height - 1) / 2 if self.principal_y is None else self.principal_y
        f = self.focal_length
        k = np.array([[f, 0, cx], [0, f, cy], [0, 0, 1]], np.float64)
        offsets = np.zeros((4, 3))
        offsets[[1, 3], 0] = -f * self.baseline
        return Calibration(k, offsets, poses.inverse(self.T_grid_camera()), (self.height, self.width))

    def T_grid_camera(self) -> NDArray[np.float64]:
        """Return (4, 4), left optical frame -> grid frame."""
        place = np.array([self.forward, self.left, self.mount_height - GRID_HEIGHT])
        return poses.of_camera(np.radians(self.pitch), np.radians(self.roll), place)


@dataclass(frozen=True)
class LidarSpec:
    """A spinning LiDAR, mounted level.

    Attributes:
        beams: number of lasers, evenly spaced in elevation.
        top, bottom: elevation of the highest and the lowest laser [deg].
        columns: measurements of each laser in one revolution.
        mount_height: above the ground [m].
        forward, left: place from the origin of the grid [m].
        min_range, max_range: nearer and farther surfaces give no point [m].
        range_noise: standard deviation of a range [m].
    """

    beams: int
    top: float
    bottom: float
    columns: int
    mount_height: float
    forward: float = 0.0
    left: float = 0.0
    min_range: float = 0.9
    max_range: float = 80.0
    range_noise: float = 0.015

    def model(self) -> LidarModel:
        """Return beams and limits."""
        elevations = tuple(np.linspace(self.top, self.bottom, self.beams).tolist())
        return LidarModel(elevations, self.columns, self.min_range, self.max_range, self.range_noise)

    def T_grid_lidar(self) -> NDArray[np.float64]:
        """Return (4, 4), frame of the LiDAR -> grid frame."""
        transform = np.eye(4)
        transform[:3, 3] = self.forward, self.left, self.mount_height - GRID_HEIGHT
        return transform


@dataclass(frozen=True)
class RigSpec:
    """A rig.

    Attributes:
        camera: the stereo camera.
        lidar: the LiDAR; None is KITTI's HDL-64E at the origin of the grid.
    """

    camera: CameraSpec
    lidar: LidarSpec | None = None

    def rig(self) -> Rig:
        """Return the rig that the numbers describe."""
        calibration, mono = self.camera.calibration(), self.camera.mono
        if self.lidar is None:
            return Rig(calibration, HDL64E, mono=mono)
        return Rig(calibration, self.lidar.model(), self.lidar.T_grid_lidar(), mono)
