"""A map that is cleared when its poses jump."""

from __future__ import annotations

from math import radians
from typing import Any

from ssc_ros.core import LabelSet, SceneGrid, SemanticGrid
from ssc_ros.mapping.pose_guard import Matrix, PoseGuard
from ssc_ros.mapping.semantic_map import SemanticMap


class GuardedMap:
    """Fuses grids while their poses follow each other, and starts afresh where they do not.

    Attributes:
        map: what is known.
    """

    def __init__(
        self, grid: SceneGrid, label_set: LabelSet, jump_distance: float = 1.0, jump_angle: float = 10.0, **options: Any
    ) -> None:
        """Know nothing yet.

        Args:
            grid, label_set, options: of the `SemanticMap`.
            jump_distance, jump_angle: how far a pose may be from where a robot can be [m, deg].
        """
        self.map = SemanticMap(grid, label_set, **options)
        self._guard = PoseGuard(jump_distance, radians(jump_angle))

    def clear(self) -> None:
        """Forget everything."""
        self.map.clear()
        self._guard.forget()

    def fuse(self, grid: SemanticGrid, T_world_grid: Matrix) -> str:
        """Add a grid at its pose; return why the map was cleared before, or nothing."""
        complaint = self._guard.complaint(grid.stamp, T_world_grid)
        if complaint:
            self.map.clear()
        self.map.fuse(grid, T_world_grid)
        return complaint
