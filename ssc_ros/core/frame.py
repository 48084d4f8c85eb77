"""What was sensed at one moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import poses
from ssc_ros.core.camera import StereoRig
from ssc_ros.core.errors import SscError

STEREO, LIDAR = "stereo", "lidar"
"""What may have sensed a frame, by the names that checkpoints carry."""


@dataclass(frozen=True)
class Frame:
    """A stereo pair and what came with it.

    Attributes:
        stamp: [ns], of the left image.
        left, right: (H, W, 3) uint8 RGB, rectified.
        rig: calibration of this pair.
        points: (N, 4) float32 (x, y, z [m] in the grid frame, intensity 0..1), or None.
        T_world_grid: (4, 4) float64 ego pose, grid frame -> any fixed frame, or None.
        point_labels: (N,) uint8 train ids of the points, 0 unlabelled, or None if nobody has labelled them.
        image_labels: (H, W) uint8 train ids of the left image's pixels, 255 unknown, or None where no segmentation from
            outside has come with the image.
    """

    stamp: int
    left: NDArray[np.uint8]
    right: NDArray[np.uint8]
    rig: StereoRig
    points: NDArray[np.float32] | None = None
    T_world_grid: NDArray[np.float64] | None = None
    point_labels: NDArray[np.uint8] | None = None
    image_labels: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        for side, image in (("left", self.left), ("right", self.right)):
            if image.shape != (*self.rig.image_size, 3) or image.dtype != np.uint8:
                raise SscError(
                    f"{side} image is {image.dtype} {image.shape}, but the calibration is for uint8 "
                    f"{(*self.rig.image_size, 3)}; use the camera_info of these images"
                )
        if self.points is not None and (self.points.ndim != 2 or self.points.shape[1] != 4):
            raise SscError(f"points have shape {self.points.shape}, expected (N, 4): x, y, z, intensity")
        if self.point_labels is not None and (self.points is None or self.point_labels.shape != self.points.shape[:1]):
            points = 0 if self.points is None else len(self.points)
            raise SscError(f"there are labels of shape {self.point_labels.shape} for {points} points")
        labels = self.image_labels
        if labels is not None and (labels.shape != self.left.shape[:2] or labels.dtype != np.uint8):
            raise SscError(
                f"the left image's labels are {labels.dtype} {labels.shape}, expected uint8 {self.left.shape[:2]}, one "
                "for each pixel"
            )
        if self.T_world_grid is not None and not poses.is_rigid(self.T_world_grid):
            raise SscError("the ego pose is not a rigid transform")
