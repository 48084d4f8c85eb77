"""A grid from above, as the cells of a flat occupancy map."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import EMPTY, UNKNOWN, SemanticGrid

FREE_CELL, OCCUPIED_CELL, UNKNOWN_CELL = 0, 100, -1
"""Values of nav_msgs/OccupancyGrid."""


def occupancy_cells(
    grid: SemanticGrid, free: Collection[str], min_height: float, max_height: float
) -> NDArray[np.int8]:
    """Return what is in the way, (X, Y) of `FREE_CELL`, `OCCUPIED_CELL` and `UNKNOWN_CELL`.

    A column with an obstacle (any class that is not free) between the heights is occupied; otherwise one with a free
    class at any height is free; otherwise it is unknown.

    Args:
        grid: in a frame with z up.
        free: names of classes to drive on.
        min_height, max_height: band [m], z of the grid frame, by voxel centres.
    """
    scene = grid.grid
    drivable = np.zeros(256, bool)
    drivable[[number for number, name in enumerate(grid.label_set.names) if name in free]] = True
    solid = ~drivable
    solid[[EMPTY, UNKNOWN]] = False
    heights = scene.min_corner[2] + (np.arange(scene.shape[2]) + 0.5) * scene.voxel_size
    band = (heights >= min_height) & (heights <= max_height)
    cells = np.full(scene.shape[:2], UNKNOWN_CELL, np.int8)
    cells[drivable[grid.labels].any(axis=2)] = FREE_CELL
    cells[solid[grid.labels[:, :, band]].any(axis=2)] = OCCUPIED_CELL
    return cells
