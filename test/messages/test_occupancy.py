"""A map of the cells in the way, against a slow reading of the grid, column by column."""

from __future__ import annotations

import numpy as np

from ssc_ros.core import EMPTY, SEMANTIC_KITTI, UNKNOWN
from ssc_ros.messages.occupancy import occupancy_cells

from .grids import FREE, SCENE, empty_grid, random_grid


def test_cells_are_occupied_by_obstacles_in_the_band_free_above_ground_and_unknown_elsewhere() -> None:
    grid = random_grid(3, solid=0.15)
    low, high = -1.3, 0.8
    cells = occupancy_cells(grid, FREE, low, high)
    assert cells.shape == SCENE.shape[:2]
    for x, y in np.ndindex(SCENE.shape[:2]):
        names = [
            (SEMANTIC_KITTI.names[label], -2.0 + 0.5 * (z + 0.5))
            for z, label in enumerate(grid.labels[x, y])
            if label not in (EMPTY, UNKNOWN)
        ]
        blocked = any(name not in FREE and low <= height <= high for name, height in names)
        free = any(name in FREE for name, _ in names)
        assert cells[x, y] == (100 if blocked else 0 if free else -1)
    assert set(cells.ravel().tolist()) == {100, 0, -1}


def test_an_empty_grid_is_an_unknown_map() -> None:
    assert set(occupancy_cells(empty_grid(), FREE, -10, 10).ravel().tolist()) == {-1}
