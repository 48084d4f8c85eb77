"""Flicker is what stands still and changes its label, at the same place of the world."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.core import SEMANTIC_KITTI, SceneGrid, SemanticGrid
from ssc_ros.evaluation.flicker import Flicker

GRID = SceneGrid((0.0, -1.6, -1.6), 0.2, (16, 16, 16))
BUILDING, FENCE, CAR = (SEMANTIC_KITTI.names.index(name) for name in ("building", "fence", "car"))


def _grid(labels: NDArray[np.uint8]) -> SemanticGrid:
    return SemanticGrid(labels, GRID, SEMANTIC_KITTI)


def _pose(x: float) -> NDArray[np.float64]:
    pose = np.eye(4)
    pose[0, 3] = x
    return pose


def test_a_world_that_stands_still_does_not_flicker_for_a_robot_that_moves() -> None:
    street = np.random.default_rng(0).integers(0, 20, (40, 16, 16)).astype(np.uint8)
    flicker = Flicker(SEMANTIC_KITTI, ())
    for step in range(6):
        flicker.add(_grid(street[step * 2 : step * 2 + 16]), _pose(step * 0.4))
    assert flicker.counted > 10_000
    assert flicker.share == 0


def test_changes_are_counted_and_moving_classes_are_not() -> None:
    flicker = Flicker(SEMANTIC_KITTI, ("car",))
    before, after = (np.zeros(GRID.shape, np.uint8) for _ in range(2))
    before[0, 0, :4], after[0, 0, :3], after[0, 0, 3] = BUILDING, BUILDING, FENCE
    before[1, 0, :8] = CAR
    flicker.add(_grid(before), _pose(0))
    flicker.add(_grid(after), _pose(0))
    assert (flicker.counted, flicker.changed) == (4, 1)
    assert flicker.share == pytest.approx(0.25)
    flicker.forget()
    flicker.add(_grid(before), _pose(0))
    assert flicker.counted == 4
