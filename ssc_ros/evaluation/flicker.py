"""Flicker: what stands still and gets another label in the next grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import EMPTY, UNKNOWN, LabelSet, SemanticGrid, poses


class Flicker:
    """Compares each grid with the one before it, at the same places of the world.

    Counted are the voxels of the earlier grid with a class that stands still, whose centre lies in the later grid too;
    a voxel flickers if the later grid has another label there.

    Attributes:
        counted, changed: voxels so far.
    """

    def __init__(self, label_set: LabelSet, moving: tuple[str, ...]) -> None:
        """Start at zero.

        Args:
            label_set: of the grids.
            moving: names of the classes that do not stand still.
        """
        self.counted = self.changed = 0
        self._static = np.ones(UNKNOWN + 1, np.bool_)
        self._static[[EMPTY, UNKNOWN]] = False
        self._static[[train for train, name in enumerate(label_set.names) if name in moving]] = False
        self._last: tuple[SemanticGrid, NDArray[np.float64]] | None = None

    def forget(self) -> None:
        """Compare the next grid with none, as at the begin of a sequence."""
        self._last = None

    def add(self, grid: SemanticGrid, T_world_grid: NDArray[np.float64]) -> None:
        """Count a grid at its pose (4, 4) against the one before."""
        last, self._last = self._last, (grid, T_world_grid)
        if last is None:
            return
        before, T_world_before = last
        voxels = np.argwhere(self._static[before.labels])
        centers = before.grid.centers(voxels)
        there = grid.grid.indices(poses.apply(poses.inverse(T_world_grid) @ T_world_before, centers))
        both = grid.grid.contains(there)
        was, is_now = (g.labels[tuple(v[both].T)] for g, v in ((before, voxels), (grid, there)))
        self.counted += len(was)
        self.changed += int(np.count_nonzero(was != is_now))

    @property
    def share(self) -> float:
        """Share of the voxels that changed, 0 .. 1."""
        return self.changed / max(1, self.counted)
