"""The official SemanticKITTI voxeliser: labelled points -> labelled voxels (Behley et al. 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SceneGrid

MIN_RANGE = 2.5
MAX_RANGE = 70.0


def keep_points(points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Points that the official voxeliser uses: 2.5 to 70 m away and off the car that carries the sensor.

    Args:
        points: (N, >=3) float32 [m], frame of the LiDAR that measured them.

    Returns:
        (N,) bool.
    """
    x, y, z = np.asarray(points[:, :3], np.float32).T
    distance = np.sqrt(x * x + y * y + z * z)
    on_the_car = (x > -2) & (x < 3) & (np.abs(y) < 2)
    return np.asarray((distance >= MIN_RANGE) & (distance <= MAX_RANGE) & ~on_the_car)


def voxelize(points: NDArray[np.float32], labels: NDArray[np.integer], grid: SceneGrid) -> NDArray[np.uint16]:
    """Majority label of the points in each voxel; ties go to the smaller id.

    Unlabelled points (0) vote too, and a voxel that they win is empty: dropping them first would not reproduce the
    official files. `keep_points` is applied by the caller, in the frame of each scan.

    Args:
        points: (N, >=3) float32 [m], grid frame; those outside the grid are ignored.
        labels: (N,) raw ids; the instance in the upper 16 bits is dropped.
        grid: the box; the official one is `SEMANTIC_KITTI_GRID`.

    Returns:
        (X, Y, Z) uint16 raw ids, 0 where empty.
    """
    indices = grid.indices(points[:, :3])
    inside = grid.contains(indices)
    voxel = grid.flat(indices[inside])
    semantic = np.asarray(labels)[inside].astype(np.int64) & 0xFFFF

    # one sorted row per (voxel, label) pair, with its votes
    pairs, votes = np.unique(voxel << 16 | semantic, return_counts=True)
    by_votes = np.lexsort((-votes, pairs >> 16))  # stable, so equal votes stay in order of the label
    pairs = pairs[by_votes]
    voxel_of_pair = pairs >> 16
    winner = np.ones(len(pairs), bool)
    winner[1:] = voxel_of_pair[1:] != voxel_of_pair[:-1]

    volume = np.zeros(grid.size, np.uint16)
    volume[voxel_of_pair[winner]] = pairs[winner] & 0xFFFF
    return volume.reshape(grid.shape)
