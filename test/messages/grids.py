"""Small grids of noise, and a slow reading of them, voxel by voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ssc_ros.core import EMPTY, SEMANTIC_KITTI, UNKNOWN, SceneGrid, SemanticGrid

SCENE = SceneGrid((1.0, -2.0, -2.0), 0.5, (9, 8, 7), frame_id="lidar")
FREE = ("road", "terrain")

Index = tuple[int, ...]


def random_grid(seed: int = 0, confidence: bool = False, solid: float = 0.7) -> SemanticGrid:
    """All classes and unknown voxels, of which a share is solid."""
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(SCENE.shape) < solid, rng.integers(1, 20, SCENE.shape), EMPTY).astype(np.uint8)
    labels[rng.random(SCENE.shape) < 0.05] = UNKNOWN
    level = rng.integers(0, 256, SCENE.shape, np.uint8) if confidence else None
    return SemanticGrid(labels, SCENE, SEMANTIC_KITTI, 5_000_000_007, level)


def empty_grid() -> SemanticGrid:
    """Nothing is there."""
    return SemanticGrid(np.zeros(SCENE.shape, np.uint8), SCENE, SEMANTIC_KITTI)


def exposed(grid: SemanticGrid) -> set[Index]:
    """Occupied voxels that touch something that is not occupied, by looking at each."""

    def occupied(index: Index) -> bool:
        inside = all(0 <= i < n for i, n in zip(index, SCENE.shape, strict=True))
        return inside and grid.labels[index] not in (EMPTY, UNKNOWN)

    found = set()
    for index in np.ndindex(SCENE.shape):
        x, y, z = index
        around = ((x - 1, y, z), (x + 1, y, z), (x, y - 1, z), (x, y + 1, z), (x, y, z - 1), (x, y, z + 1))
        if occupied(index) and not all(map(occupied, around)):
            found.add(index)
    return found


def voxel_of(point: ArrayLike) -> Index:
    """Index of the voxel that holds a point (3,) [m]."""
    return tuple(int(i) for i in np.floor((np.array(point) - SCENE.min_corner) / SCENE.voxel_size))
