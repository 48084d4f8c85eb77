"""A rectified stereo rig and its place in the grid frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import poses
from ssc_ros.core.errors import SscError
from ssc_ros.core.visibility import find_visible


@dataclass(frozen=True)
class StereoRig:
    """Rectified pinhole stereo; an integer pixel coordinate is a pixel's centre.

    Attributes:
        camera_matrix: (3, 3) float64 of the left camera [px].
        baseline: distance from the left to the right centre [m]; depth = fx * baseline / disparity.
        image_size: (height, width) [px].
        T_grid_camera: (4, 4) float64, left optical frame (x right, y down, z forward) -> grid frame.
    """

    camera_matrix: NDArray[np.float64]
    baseline: float
    image_size: tuple[int, int]
    T_grid_camera: NDArray[np.float64]

    def __post_init__(self) -> None:
        k = self.camera_matrix
        if k.shape != (3, 3) or not np.isfinite(k).all() or k[0, 0] <= 0 or k[1, 1] <= 0:
            raise SscError(
                f"camera matrix {np.asarray(k).tolist()} has no positive focal length; publish a rectified camera_info"
            )
        if not (np.isfinite(self.baseline) and self.baseline > 0):
            cause = "are left and right swapped?"
            if self.baseline == 0:
                cause = "it is the same in both, so the driver knows each camera alone, not the pair"
            raise SscError(
                f"stereo baseline is {self.baseline} m, expected a positive length: P[0,3] of the right camera must be "
                f"below that of the left one; {cause}"
            )
        if not poses.is_rigid(self.T_grid_camera):
            raise SscError(f"T_grid_camera is not a rigid transform: {np.asarray(self.T_grid_camera).tolist()}")

    @staticmethod
    def from_projections(
        left: NDArray[np.floating],
        right: NDArray[np.floating],
        image_size: tuple[int, int],
        T_grid_reference: NDArray[np.floating],
    ) -> StereoRig:
        """Rig from two rectified 3x4 projections (KITTI P2, P3; the P of two camera_info messages).

        A projection K [I | t] of the reference frame puts the left optical frame at offset t = K^-1 p4 from it;
        the whole fourth column is kept by folding t into `T_grid_camera`.

        Args:
            left, right: (3, 4) rectified projections of one reference frame.
            image_size: (height, width) [px].
            T_grid_reference: (4, 4), reference frame -> grid frame.

        Raises:
            SscError: no focal length, or a baseline that is not positive.
        """
        left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
        k = left[:, :3].copy()
        if not k[0, 0] > 0 or not k[1, 1] > 0:
            raise SscError("the left projection matrix P has no focal length: the camera is uncalibrated (P is zero)")
        T_left_reference = np.eye(4)
        T_left_reference[:3, 3] = np.linalg.solve(k, left[:, 3])
        baseline = (left[0, 3] - right[0, 3]) / k[0, 0]
        T_grid_camera = np.asarray(T_grid_reference, np.float64) @ poses.inverse(T_left_reference)
        return StereoRig(k, float(baseline), image_size, T_grid_camera)

    @property
    def T_camera_grid(self) -> NDArray[np.float64]:
        """(4, 4) float64, grid frame -> left optical frame."""
        return poses.inverse(self.T_grid_camera)

    def cropped(self, top: int, left: int, height: int, width: int) -> StereoRig:
        """The rig of a cropped image; the camera stays where it is."""
        k = self.camera_matrix.copy()
        k[0, 2] -= left
        k[1, 2] -= top
        return replace(self, camera_matrix=k, image_size=(height, width))

    def resized(self, height: int, width: int) -> StereoRig:
        """The rig of a resized image (half-pixel convention, as cv2.resize)."""
        sy, sx = height / self.image_size[0], width / self.image_size[1]
        k = self.camera_matrix.copy()
        k[0] *= sx
        k[1] *= sy
        k[0, 2] += (sx - 1) / 2
        k[1, 2] += (sy - 1) / 2
        return replace(self, camera_matrix=k, image_size=(height, width))

    def project(self, points: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Project points of the grid frame into the left image.

        Args:
            points: (..., 3) [m], grid frame.

        Returns:
            pixels (..., 2) as (u, v), and depth (...) along the optical axis [m]; pixels of points at or behind the
            camera (depth <= 0) are NaN.
        """
        camera = poses.apply(self.T_camera_grid, points)
        depth = camera[..., 2]
        scaled = camera @ self.camera_matrix.T
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = scaled[..., :2] / scaled[..., 2:]
        pixels[depth <= 0] = np.nan
        return pixels, depth

    def unproject(self, pixels: NDArray[np.floating], depth: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (..., 3) [m] of the grid frame at pixels (..., 2) as (u, v) and depth (...) [m]."""
        pixels = np.asarray(pixels, np.float64)
        homogeneous = np.concatenate([pixels, np.ones_like(pixels[..., :1])], axis=-1)
        rays = homogeneous @ np.linalg.inv(self.camera_matrix).T
        return poses.apply(self.T_grid_camera, rays * np.asarray(depth, np.float64)[..., None])

    def depth_from_disparity(self, disparity: NDArray[np.floating]) -> NDArray[np.float32]:
        """Depth [m] from disparity [px]; NaN where the disparity is not positive."""
        disparity = np.asarray(disparity, np.float32)
        focal_baseline = np.float32(self.camera_matrix[0, 0] * self.baseline)
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = np.where(disparity > 0, focal_baseline / disparity, np.float32(np.nan))
        return np.asarray(depth, np.float32)

    def in_view(self, points: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether each point (..., 3) of the grid frame projects into the left image, as (...) bool."""
        projection = self.camera_matrix @ self.T_camera_grid[:3]
        return find_visible(points.reshape(-1, 3), projection, *self.image_size).reshape(points.shape[:-1])
