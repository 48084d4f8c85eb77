"""Semi-global stereo matching (Hirschmueller 2008): by OpenCV, or in the same way in half of the time."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import Frame, SscError
from ssc_ros.kernels.input_loops import back_project, scale_disparity


@dataclass(frozen=True)
class StereoMatcher:
    """Dense disparity of a rectified pair.

    Attributes:
        scale: the pair is matched at this fraction of its size; 0.5 is several times faster and twice as coarse.
        max_disparity: largest disparity searched, in pixels of the full image; it bounds the nearest depth.
    """

    scale: float = 1.0
    max_disparity: int = 128
    _engine: cv2.StereoSGBM = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 1:
            raise SscError(f"stereo scale is {self.scale}, expected a number in (0, 1]")
        block = 5 if self.scale > 0.75 else 3
        levels = max(16, 16 * round(self.max_disparity * self.scale / 16))
        engine = cv2.StereoSGBM.create(
            minDisparity=0,
            numDisparities=levels,
            blockSize=block,
            P1=8 * block * block,
            P2=32 * block * block,
            disp12MaxDiff=1,
            preFilterCap=31,
            uniquenessRatio=8,
            speckleWindowSize=round(200 * self.scale * self.scale),
            speckleRange=2,
            mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
        )
        object.__setattr__(self, "_engine", engine)

    def disparity(self, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Disparity of every left pixel.

        The left border that the search range hides is matched too: both images are padded on the left.

        Args:
            left, right: (H, W, 3) uint8 RGB, rectified, of one size.

        Returns:
            (h, w) float32 at the matching scale, in pixels of the full image; NaN where no match was found.
        """
        left_grey, right_grey = (self._prepare(image) for image in (left, right))
        pad = self._engine.getNumDisparities()
        matched = self._match(
            cv2.copyMakeBorder(left_grey, 0, 0, pad, 0, cv2.BORDER_REPLICATE),
            cv2.copyMakeBorder(right_grey, 0, 0, pad, 0, cv2.BORDER_REPLICATE),
        )
        disparity = np.empty(left_grey.shape, np.float32)
        scale_disparity(matched, left.shape[1], pad, disparity)
        return disparity

    def _match(self, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.int16]:
        """(H, W) int16 disparity in sixteenths of a pixel of two grey images (H, W)."""
        from ssc_ros.kernels import matching_cost, semi_global  # compiles, so only where it is needed

        engine = self._engine
        if engine.getNumDisparities() != matching_cost.LEVELS or engine.getBlockSize() != matching_cost.BLOCK:
            return np.asarray(engine.compute(left, right), np.int16)
        found = semi_global.match(
            left,
            right,
            p1=engine.getP1(),
            p2=engine.getP2(),
            uniqueness=engine.getUniquenessRatio(),
            tolerance=engine.getDisp12MaxDiff(),
            threads=cv2.getNumThreads(),
        )
        largest, step = engine.getSpeckleWindowSize(), semi_global.SUBPIXELS * engine.getSpeckleRange()
        cv2.filterSpeckles(found, semi_global.INVALID, largest, step)
        return found

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if self.scale == 1.0:
            return np.asarray(grey, np.uint8)
        return np.asarray(cv2.resize(grey, None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_AREA), np.uint8)

    def depth(self, frame: Frame) -> NDArray[np.float32]:
        """Depth (h, w) [m] along the left optical axis at the matching scale; NaN where no match was found."""
        return frame.rig.depth_from_disparity(self.disparity(frame.left, frame.right))


def stereo_points(frame: Frame, depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Back-project a depth map of the left image.

    Args:
        frame: gives the rig.
        depth: (h, w) [m], at any resolution of the left image; NaN where unknown.

    Returns:
        (N, 3) float32 [m], grid frame, one point for each known depth.
    """
    rig = frame.rig.resized(*depth.shape)
    rays = rig.T_grid_camera[:3, :3] @ np.linalg.inv(rig.camera_matrix)
    points = np.empty((depth.size, 3), np.float32)
    count = back_project(depth, rays, rig.T_grid_camera[:3, 3].astype(np.float32), points)
    return points[:count]
