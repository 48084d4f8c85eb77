"""Obstacles found and false obstacles near the robot: whether a planner could trust the grid.

The unit is a column, all voxels of one (x, y). The definition is the project's own; docs/evaluation.md states it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import EMPTY, UNKNOWN, LabelSet, SceneGrid

OBSTACLE_RANGES = (12.8, 25.6)
"""How far ahead columns are counted [m]; to either side it is half of that."""

_GROUND, _OBSTACLE, _PREDICTED = 1, 2, 4
"""Bits of a voxel, and of a column that has such a voxel: truly ground, truly an obstacle, predicted an obstacle."""


@dataclass(frozen=True)
class ObstacleScores:
    """How well columns with obstacles are told from columns of bare ground.

    Attributes:
        found: fraction of the obstacle columns in which the prediction has an obstacle.
        false: fraction of the ground columns in which the prediction has an obstacle.
        obstacle_columns: how many columns truly have an obstacle.
        ground_columns: how many columns truly have ground alone.
    """

    found: float
    false: float
    obstacle_columns: int
    ground_columns: int


class ObstacleBoard:
    """Counts of columns, summed over frames, never averaged.

    A column counts by its looked-at voxels: their truth is known, and for the regions "in view" the left camera sees
    their centre. A column with a looked-at voxel of an obstacle class is an obstacle column; one that has ground
    classes alone is a ground column; one that is empty counts nowhere. The prediction has an obstacle in a column if
    one of the same looked-at voxels has an obstacle class. So what is predicted where the truth is unknown, or out of
    view, neither finds an obstacle nor makes a false one. A predicted unknown is no obstacle.

    Attributes:
        counts: for each region, (2, 2) int64; rows: truly ground, truly an obstacle; columns: predicted no obstacle,
            predicted an obstacle.
    """

    def __init__(self, grid: SceneGrid, label_set: LabelSet) -> None:
        """Start at zero.

        Args:
            grid: the box; ranges that reach beyond it are left out.
            label_set: says which classes are ground; every other class but empty is an obstacle.
        """
        obstacle = np.ones(UNKNOWN + 1, np.uint8)
        obstacle[[EMPTY, UNKNOWN, *label_set.ground_ids]] = 0
        self._true, self._predicted = obstacle * np.uint8(_OBSTACLE), obstacle * np.uint8(_PREDICTED)
        self._true[list(label_set.ground_ids)] = _GROUND
        self._squares = {f"{metres:g} m": _square(grid, metres) for metres in OBSTACLE_RANGES if _fits(grid, metres)}
        regions = (*self._squares, *map(_in_view, self._squares))
        self.counts = {region: np.zeros((2, 2), np.int64) for region in regions}

    def add(self, prediction: NDArray[np.uint8], truth: NDArray[np.uint8], view: NDArray[np.bool_]) -> None:
        """Count a frame.

        Args:
            prediction, truth: (X, Y, Z) uint8 train ids of the grid, 255 unknown.
            view: (X, Y, Z) bool, voxels whose centre the left camera sees.
        """
        for name, square in self._squares.items():
            known = truth[square] != UNKNOWN
            voxels = self._true[truth[square]] | self._predicted[prediction[square]] * known
            self.counts[name] += _count(voxels)
            self.counts[_in_view(name)] += _count(voxels * view[square])

    def scores(self) -> dict[str, ObstacleScores]:
        """Scores by region: the ranges, then the ranges in view. A fraction of no columns is 0."""
        return {region: _scores(counts) for region, counts in self.counts.items()}


def _count(voxels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the columns of a frame, (2, 2) as a board counts them, from the bits of its voxels (X, Y, Z)."""
    columns = np.bitwise_or.reduce(voxels, axis=2)
    predicted = (columns & _PREDICTED) != 0
    ground = (columns & (_GROUND | _OBSTACLE)) == _GROUND
    obstacle = (columns & _OBSTACLE) != 0
    rows = [(np.count_nonzero(row & ~predicted), np.count_nonzero(row & predicted)) for row in (ground, obstacle)]
    return np.array(rows, np.int64)


def _scores(counts: NDArray[np.int64]) -> ObstacleScores:
    ground, obstacles = (int(row.sum()) for row in counts)
    return ObstacleScores(
        found=int(counts[1, 1]) / max(1, obstacles),
        false=int(counts[0, 1]) / max(1, ground),
        obstacle_columns=obstacles,
        ground_columns=ground,
    )


def _square(grid: SceneGrid, metres: float) -> tuple[slice, slice]:
    """Return the columns of the square ahead of the grid frame's origin, as `SceneGrid.range_mask` has them."""
    plane = grid.range_mask(metres)[:, :, 0]
    along, across = (np.flatnonzero(plane.any(axis=axis)) for axis in (1, 0))
    return slice(along[0], along[-1] + 1), slice(across[0], across[-1] + 1)


def _fits(grid: SceneGrid, metres: float) -> bool:
    return metres <= grid.max_corner[0] + grid.voxel_size / 2 and bool(grid.range_mask(metres).any())


def _in_view(region: str) -> str:
    return f"{region} in view"
