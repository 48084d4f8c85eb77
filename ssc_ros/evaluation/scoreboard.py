"""Scores by region: the published ranges, and the part of the scene that the camera sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import LabelSet, SceneGrid, SemanticGrid, SscError, StereoRig
from ssc_ros.evaluation.confusion import Confusion, Scores
from ssc_ros.evaluation.obstacles import ObstacleBoard

PUBLISHED_RANGES = (12.8, 25.6)
"""Side of the nearer squares [m] that papers report besides the whole box (SSCBench, VoxFormer)."""

IN_VIEW = "in view"


class Scoreboard:
    """One confusion for each region of a grid.

    The regions are the published ranges, the whole box (51.2 m for SemanticKITTI: the official score), and "in view",
    the voxels of the whole box whose centre projects into the left image.

    Attributes:
        grid: the box.
        confusions: by region, from the nearest range to the whole box, then the view.
        obstacles: counts of columns.
    """

    def __init__(self, grid: SceneGrid, label_set: LabelSet) -> None:
        self.grid = grid
        depth = grid.max_corner[0]
        self.whole = f"{depth:g} m"
        self._masks: dict[str, NDArray[np.bool_] | None] = {
            f"{metres:g} m": grid.range_mask(metres) for metres in PUBLISHED_RANGES if metres < depth
        }
        self._masks[self.whole] = None
        self.confusions = {region: Confusion(len(label_set)) for region in (*self._masks, IN_VIEW)}
        self.obstacles = ObstacleBoard(grid, label_set)
        self._view: tuple[StereoRig, NDArray[np.bool_]] | None = None

    def add(self, prediction: SemanticGrid, truth: NDArray[np.uint8], rig: StereoRig) -> None:
        """Count a frame.

        Args:
            prediction: in the board's grid.
            truth: (X, Y, Z) uint8 train ids, 255 unknown.
            rig: the camera of the frame.

        Raises:
            SscError: the prediction lies in another grid, or the ids do not fit the classes.
        """
        if not _same_box(prediction.grid, self.grid):
            raise SscError(
                f"the prediction lies in {prediction.grid}, the truth in {self.grid}; they cannot be compared"
            )
        view = self.in_view(rig)
        for region, mask in (*self._masks.items(), (IN_VIEW, view)):
            self.confusions[region].add(prediction.labels, truth, mask)
        self.obstacles.add(prediction.labels, truth, view)

    def in_view(self, rig: StereoRig) -> NDArray[np.bool_]:
        """(X, Y, Z) bool, voxels whose centre projects into the left image."""
        if self._view is None or self._view[0] is not rig:
            self._view = rig, rig.in_view(self.grid.centers())
        return self._view[1]

    def scores(self) -> dict[str, Scores]:
        """Scores by region."""
        return {region: confusion.scores() for region, confusion in self.confusions.items()}


def _same_box(a: SceneGrid, b: SceneGrid) -> bool:
    return a.shape == b.shape and np.allclose((*a.min_corner, a.voxel_size), (*b.min_corner, b.voxel_size), atol=1e-4)
