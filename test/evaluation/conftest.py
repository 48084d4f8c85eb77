"""A toy scene for the tests of this room."""

from __future__ import annotations

import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI, Frame, SceneGrid, SemanticGrid, StereoRig, poses

OPTICAL = poses.from_rows(np.array([0, 0, 1, 0, -1, 0, 0, 0, 0, -1, 0, 0]))


@pytest.fixture
def grid() -> SceneGrid:
    """A box of 25.6 x 25.6 x 3.2 m in coarse voxels."""
    return SceneGrid((0.0, -12.8, -2.0), 0.8, (32, 32, 4))


@pytest.fixture
def frame() -> Frame:
    """A camera that looks along x, with a field of view of 90 degrees."""
    rig = StereoRig(np.array([[50.0, 0, 49.5], [0, 50.0, 24.5], [0, 0, 1]]), 0.5, (50, 100), OPTICAL)
    image = np.full((50, 100, 3), 90, np.uint8)
    return Frame(7, image, image, rig)


@pytest.fixture
def truth(grid: SceneGrid) -> np.ndarray:
    """A road with a car on it and grass beside; what lies beyond 20 m is unknown."""
    labels = np.zeros(grid.shape, np.uint8)
    labels[:, :, 0] = SEMANTIC_KITTI.names.index("terrain")
    labels[:, 12:20, 0] = SEMANTIC_KITTI.names.index("road")
    labels[10:15, 15:18, 1:3] = SEMANTIC_KITTI.names.index("car")
    labels[25:] = 255
    return labels


@pytest.fixture
def prediction(grid: SceneGrid, truth: np.ndarray) -> SemanticGrid:
    """The truth without the car, and full of vegetation where nothing is known."""
    labels = np.where(truth == 255, np.uint8(15), truth)
    labels[:25, :, 1:] = 0
    return SemanticGrid(labels, grid, SEMANTIC_KITTI, 7)
