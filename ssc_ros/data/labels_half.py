"""Ground truth at half resolution, by the rule that the published systems train with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import EMPTY, UNKNOWN


def halve(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One label for each block of 2 x 2 x 2 voxels.

    The most frequent occupied label of the block (ties: the smallest id); so one occupied voxel of eight makes the
    block occupied. A block without one is empty if most of it is known to be empty, else unknown (Roldao et al.
    2020, LMSCNet; the "1_2" labels of VoxFormer, SGN, L2COcc).

    Args:
        labels: (X, Y, Z) uint8 train ids, 255 unknown; even sizes.

    Returns:
        (X / 2, Y / 2, Z / 2) uint8.
    """
    x, y, z = (size // 2 for size in labels.shape)
    blocks = labels.reshape(x, 2, y, 2, z, 2).transpose(0, 2, 4, 1, 3, 5).reshape(-1, 8)
    mostly_empty = (blocks == EMPTY).sum(axis=1) > (blocks == UNKNOWN).sum(axis=1)
    result = np.asarray(np.where(mostly_empty, EMPTY, UNKNOWN), np.uint8)

    occupied = np.flatnonzero(((blocks != EMPTY) & (blocks != UNKNOWN)).any(axis=1))
    crowded = blocks[occupied]
    votes = np.zeros(len(crowded), np.intp)
    for label in np.unique(crowded):  # ascending, so the smallest id keeps a tie
        if label not in (EMPTY, UNKNOWN):
            count = (crowded == label).sum(axis=1)
            wins = count > votes
            result[occupied[wins]] = label
            votes = np.maximum(votes, count)
    return result.reshape(x, y, z)
