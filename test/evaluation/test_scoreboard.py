"""Regions of the score: published index rules, nesting, the view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI, SEMANTIC_KITTI_GRID, Frame, SceneGrid, SemanticGrid, SscError
from ssc_ros.evaluation.scoreboard import Scoreboard


def test_regions_of_the_semantic_kitti_box_are_the_published_ones() -> None:
    assert list(Scoreboard(SEMANTIC_KITTI_GRID, SEMANTIC_KITTI).confusions) == ["12.8 m", "25.6 m", "51.2 m", "in view"]


def test_a_smaller_box_has_no_ranges_beyond_it(grid: SceneGrid) -> None:
    assert list(Scoreboard(grid, SEMANTIC_KITTI).confusions) == ["12.8 m", "25.6 m", "in view"]


def test_each_voxel_counts_in_the_regions_that_hold_it(
    grid: SceneGrid, frame: Frame, prediction: SemanticGrid, truth: np.ndarray
) -> None:
    board = Scoreboard(grid, SEMANTIC_KITTI)
    board.add(prediction, truth, frame.rig)
    counted = {region: confusion.counts.sum() for region, confusion in board.confusions.items()}
    known = truth != 255
    assert counted["25.6 m"] == known.sum()
    assert counted["12.8 m"] == known[:16, 8:24].sum()
    seen = frame.rig.in_view(grid.centers())
    assert 0 < seen.sum() < grid.size
    assert counted["in view"] == (known & seen).sum()


def test_obstacles_are_counted_by_what_the_camera_sees(
    grid: SceneGrid, frame: Frame, prediction: SemanticGrid, truth: np.ndarray
) -> None:
    board = Scoreboard(grid, SEMANTIC_KITTI)
    board.add(prediction, truth, frame.rig)
    car = (truth == 1)[:, :, 1:].any(axis=2)
    seen = ((truth == 1) & frame.rig.in_view(grid.centers())).any(axis=2)
    scores = board.obstacles.scores()
    assert scores["25.6 m"].obstacle_columns == car.sum()
    assert scores["25.6 m in view"].obstacle_columns == seen.sum() > 0
    assert scores["25.6 m"].found == scores["25.6 m"].false == 0  # the prediction has the street without the car


def test_a_prediction_in_another_grid_is_refused(
    grid: SceneGrid, frame: Frame, prediction: SemanticGrid, truth: np.ndarray
) -> None:
    moved = replace(prediction, grid=replace(grid, min_corner=(0.0, -12.8, -1.0)))
    with pytest.raises(SscError, match="cannot be compared"):
        Scoreboard(grid, SEMANTIC_KITTI).add(moved, truth, frame.rig)
    renamed = replace(prediction, grid=replace(grid, frame_id="lidar"))
    Scoreboard(grid, SEMANTIC_KITTI).add(renamed, truth, frame.rig)
