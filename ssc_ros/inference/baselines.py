"""What a network has to beat: the most frequent label of each voxel, and stereo without a network."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import EMPTY, GRID_HEIGHT, UNKNOWN, Frame, LabelSet, SceneGrid, SemanticGrid
from ssc_ros.data.voxelize import voxelize
from ssc_ros.inference.stereo import StereoMatcher, stereo_points

KERB_HEIGHT = 0.3
"""What rises less than this above the road is taken for road [m]."""


class PriorBaseline:
    """Predicts the same scene for every frame: in each voxel the label most frequent there in the training data."""

    def __init__(self, truths: Iterable[NDArray[np.uint8]], grid: SceneGrid, label_set: LabelSet) -> None:
        """Fit the baseline.

        Args:
            truths: (X, Y, Z) uint8 train ids each, 255 unknown; unknown voxels are not counted, and a voxel that is
                never known is predicted empty. Ties go to the smaller id.
            grid, label_set: of the truths.
        """
        counts = np.zeros((grid.size, len(label_set)), np.uint16)
        for truth in truths:
            known = np.flatnonzero(truth != UNKNOWN)
            counts[known, truth.reshape(-1)[known]] += 1
        self.grid = grid
        self.label_set = label_set
        self.labels = counts.argmax(axis=1).astype(np.uint8).reshape(grid.shape)

    def complete(self, frame: Frame) -> SemanticGrid:
        """The prior, whatever the frame shows."""
        return SemanticGrid(self.labels, self.grid, self.label_set, frame.stamp, model_id="prior-baseline")


class StereoBaseline:
    """Predicts what semi-global matching sees: a voxel is occupied if a back-projected pixel falls into it.

    Stereo knows no classes, so height gives them: up to `KERB_HEIGHT` above a flat road everything is road, above it
    vegetation, the most frequent classes there. Judge this baseline by its IoU.
    """

    def __init__(self, grid: SceneGrid, label_set: LabelSet) -> None:
        self.grid = grid
        self.label_set = label_set
        self._matcher = StereoMatcher()
        height = grid.centers()[0, 0, :, 2] + GRID_HEIGHT
        road, vegetation = label_set.names.index("road"), label_set.names.index("vegetation")
        self._by_height = np.where(height < KERB_HEIGHT, road, vegetation).astype(np.uint8)

    def complete(self, frame: Frame) -> SemanticGrid:
        """Match, back-project and voxelise a frame."""
        points = stereo_points(frame, self._matcher.depth(frame))
        occupied = voxelize(points, np.ones(len(points), np.uint8), self.grid) != 0
        labels = np.where(occupied, self._by_height, np.uint8(EMPTY))
        return SemanticGrid(labels, self.grid, self.label_set, frame.stamp, model_id="stereo-baseline")
