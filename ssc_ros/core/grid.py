"""A box of voxels in a metric frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SceneGrid:
    """An axis-aligned box divided into cubic voxels; X forward, Y left, Z up (REP-103).

    Attributes:
        min_corner: lower corner of voxel (0, 0, 0) [m], in the frame named `frame_id`.
        voxel_size: edge of a voxel [m].
        shape: number of voxels (X, Y, Z).
        frame_id: the frame of the box; SemanticKITTI's is the LiDAR's.
    """

    min_corner: tuple[float, float, float]
    voxel_size: float
    shape: tuple[int, int, int]
    frame_id: str = "velodyne"

    def __post_init__(self) -> None:
        if self.voxel_size <= 0 or min(self.shape) <= 0:
            raise ValueError(f"a grid needs a positive voxel size and shape, not {self.voxel_size}, {self.shape}")

    @property
    def edges(self) -> tuple[float, float, float]:
        """Size of a voxel along each axis [m]."""
        return self.voxel_size, self.voxel_size, self.voxel_size

    @property
    def max_corner(self) -> tuple[float, float, float]:
        """Upper corner of the last voxel [m]."""
        x, y, z = (c + edge * n for c, edge, n in zip(self.min_corner, self.edges, self.shape, strict=True))
        return x, y, z

    @property
    def size(self) -> int:
        """Number of voxels."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    def coarsened(self, factor: int) -> SceneGrid:
        """The same box with voxels `factor` times larger.

        Raises:
            ValueError: the shape is not divisible by `factor`.
        """
        if any(n % factor for n in self.shape):
            raise ValueError(f"shape {self.shape} is not divisible by {factor}")
        x, y, z = (n // factor for n in self.shape)
        return SceneGrid(self.min_corner, self.voxel_size * factor, (x, y, z), self.frame_id)

    def widened(self, factor: int) -> SceneGrid:
        """The same box and layers, with voxels `factor` times wider along x and y: a network's volume of a street.

        Raises:
            ValueError: the shape is not divisible by `factor`.
        """
        x, y, z = self.shape
        if x % factor or y % factor:
            raise ValueError(f"shape {self.shape} is not divisible by {factor} along x and y")
        edge_x, edge_y, edge_z = self.edges
        wide = (edge_x * factor, edge_y * factor, edge_z)
        return _WideGrid(self.min_corner, self.voxel_size * factor, (x // factor, y // factor, z), self.frame_id, wide)

    def indices(self, points: NDArray[np.floating]) -> NDArray[np.int64]:
        """Voxel index of each point, by floor; may lie outside the grid.

        Args:
            points: (N, 3) [m] in the grid frame.

        Returns:
            (N, 3) int64.
        """
        # float32, as the official voxeliser computes: a point on a face must fall on the same side
        origin = np.asarray(self.min_corner, np.float32)
        xyz = np.asarray(points, np.float32)
        return np.asarray(np.floor((xyz - origin) / np.asarray(self.edges, np.float32)), np.int64)

    def contains(self, indices: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether each index (N, 3) lies inside the grid, as (N,) bool."""
        return np.asarray(((indices >= 0) & (indices < np.asarray(self.shape))).all(axis=1))

    def flat(self, indices: NDArray[np.integer]) -> NDArray[np.int64]:
        """Flat C-order index (x * Y + y) * Z + z of each inside index (N, 3), as (N,) int64."""
        i = np.asarray(indices, np.int64)
        return np.asarray((i[:, 0] * self.shape[1] + i[:, 1]) * self.shape[2] + i[:, 2])

    def centers(self, indices: NDArray[np.integer] | None = None) -> NDArray[np.float32]:
        """Centres of voxels [m].

        Args:
            indices: (N, 3), or None for all voxels.

        Returns:
            (N, 3) float32, or (X, Y, Z, 3) float32 for all voxels.
        """
        corner, edges = np.asarray(self.min_corner), np.asarray(self.edges)
        if indices is not None:
            return np.asarray(corner + (np.asarray(indices) + 0.5) * edges, np.float32)
        centers = np.empty((*self.shape, 3), np.float32)
        places = (corner[axis] + (np.arange(count) + 0.5) * edges[axis] for axis, count in enumerate(self.shape))
        for axis, along in enumerate(np.ix_(*places)):
            centers[..., axis] = along
        return centers

    def range_mask(self, range_m: float) -> NDArray[np.bool_]:
        """Voxels of the forward square of side `range_m` [m], as published ranges are counted.

        The square spans x in [0, range_m) and |y| < range_m / 2 around the grid frame's origin, all heights
        (SSCBench, VoxFormer: 12.8, 25.6 and 51.2 m).

        Returns:
            (X, Y, Z) bool.
        """
        x, y = (self.min_corner[i] + (np.arange(self.shape[i]) + 0.5) * self.edges[i] for i in (0, 1))
        plane = ((x >= 0) & (x < range_m))[:, None] & (np.abs(y) < range_m / 2)[None, :]
        return np.repeat(plane[:, :, None], self.shape[2], axis=2)


@dataclass(frozen=True)
class _WideGrid(SceneGrid):
    """Voxels that are wider than high.

    Attributes:
        voxel_size: their width.
        voxel: their size along each axis [m].
    """

    voxel: tuple[float, float, float] = (0.2, 0.2, 0.2)

    @property
    def edges(self) -> tuple[float, float, float]:
        """Size of a voxel along each axis [m]."""
        return self.voxel


SEMANTIC_KITTI_GRID = SceneGrid((0.0, -25.6, -2.0), 0.2, (256, 256, 32))
"""The SemanticKITTI completion box, 51.2 x 51.2 x 6.4 m at 0.2 m, in the LiDAR frame (Behley et al. 2019)."""

GRID_HEIGHT = 1.73
"""Height of KITTI's LiDAR, and so of the origin of the SemanticKITTI grid, above the road [m] (Geiger et al. 2013).

The shipped networks have learned to find the ground at z = -1.73 m of the grid frame."""
