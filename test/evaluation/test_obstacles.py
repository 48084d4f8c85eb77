"""Obstacles found and false ones: closed forms, and a twin that looks at one voxel after another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssc_ros.core import SEMANTIC_KITTI, SEMANTIC_KITTI_GRID, SSCBENCH_KITTI_360, LabelSet, SceneGrid
from ssc_ros.evaluation.obstacles import ObstacleBoard, ObstacleScores

GRID = SceneGrid((0.0, -12.8, -2.0), 1.6, (16, 16, 3))
GROUND = {"road", "parking", "sidewalk", "other-ground", "terrain"}
RANGES = {"12.8 m": 12.8, "25.6 m": 25.6}
ROAD, CAR = (SEMANTIC_KITTI.names.index(name) for name in ("road", "car"))
EVERYWHERE = np.ones(GRID.shape, np.bool_)


def counted_slowly(
    prediction: np.ndarray, truth: np.ndarray, view: np.ndarray, label_set: LabelSet
) -> dict[str, list[list[int]]]:
    """The counts of a board by the words of the definition, column by column and voxel by voxel."""
    counts = {region: [[0, 0], [0, 0]] for region in (*RANGES, *(f"{name} in view" for name in RANGES))}
    for x, y in np.ndindex(GRID.shape[:2]):
        ahead, left = (GRID.min_corner[axis] + (i + 0.5) * GRID.voxel_size for axis, i in enumerate((x, y)))
        for name, metres in RANGES.items():
            if not (0 <= ahead < metres and abs(left) < metres / 2):
                continue
            for region, only_seen in ((name, False), (f"{name} in view", True)):
                looked = [z for z in range(3) if truth[x, y, z] != 255 and (view[x, y, z] or not only_seen)]
                there = {label_set.names[truth[x, y, z]] for z in looked} - {"empty"}
                said = {label_set.names[prediction[x, y, z]] for z in looked if prediction[x, y, z] != 255} - {"empty"}
                if there:
                    counts[region][bool(there - GROUND)][bool(said - GROUND)] += 1
    return counts


def scores_of(prediction: np.ndarray, truth: np.ndarray, view: np.ndarray = EVERYWHERE) -> dict[str, ObstacleScores]:
    board = ObstacleBoard(GRID, SEMANTIC_KITTI)
    board.add(prediction, truth, view)
    return board.scores()


def street() -> np.ndarray:
    """A road everywhere, and nothing on it."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[:, :, 0] = ROAD
    return labels


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([SEMANTIC_KITTI, SSCBENCH_KITTI_360]))
def test_the_board_counts_what_the_definition_says(seed: int, label_set: LabelSet) -> None:
    rng = np.random.default_rng(seed)
    likely = np.array([*range(len(label_set)), 255, 255, *[0] * 20, *[9, 10] * 6], np.uint8)
    board, expected = ObstacleBoard(GRID, label_set), np.zeros((4, 2, 2), np.int64)
    for _ in range(2):
        prediction, truth = rng.choice(likely, (2, *GRID.shape))
        view = rng.random(GRID.shape) < 0.6
        board.add(prediction, truth, view)
        expected += np.array(list(counted_slowly(prediction, truth, view, label_set).values()))
    assert list(board.counts) == ["12.8 m", "25.6 m", "12.8 m in view", "25.6 m in view"]
    assert np.array_equal(list(board.counts.values()), expected)
    assert all(counts.dtype == np.int64 for counts in board.counts.values())


def test_a_wall_that_is_half_found_at_the_wrong_height() -> None:
    truth, prediction = street(), street()
    truth[4, :, 1] = CAR  # 16 columns, 8 of them within 12.8 m
    prediction[4, :6, 2] = CAR  # the right 6, of which 2 lie within 6.4 m to the side
    scores = scores_of(prediction, truth)
    assert scores["25.6 m"] == ObstacleScores(6 / 16, 0.0, 16, 15 * 16)
    assert scores["12.8 m"] == ObstacleScores(2 / 8, 0.0, 8, 7 * 8)


def test_a_phantom_on_an_empty_street_is_false() -> None:
    prediction = street()
    prediction[2, 7, 1] = prediction[2, 7, 2] = CAR
    scores = scores_of(prediction, street())
    assert scores["12.8 m"] == ObstacleScores(0.0, 1 / 64, 0, 64)
    assert scores["25.6 m in view"] == ObstacleScores(0.0, 1 / 256, 0, 256)


def test_ground_that_is_called_other_ground_is_neither_found_nor_false() -> None:
    truth = street()
    prediction = np.where(truth == ROAD, np.uint8(SEMANTIC_KITTI.names.index("terrain")), truth)
    assert scores_of(prediction, truth)["25.6 m"] == ObstacleScores(0.0, 0.0, 0, 256)


def test_what_is_predicted_where_nobody_looked_counts_nowhere() -> None:
    truth, prediction = street(), street()
    truth[:, :, 1] = 255
    prediction[:, :, 1] = CAR  # where the truth is unknown
    prediction[:, :, 2] = CAR  # out of view
    view = EVERYWHERE.copy()
    view[:, :, 2] = False
    scores = scores_of(prediction, truth, view)
    assert scores["25.6 m in view"] == ObstacleScores(0.0, 0.0, 0, 256)
    assert scores["25.6 m"].false == 1.0


def test_an_obstacle_out_of_view_leaves_a_column_of_ground_in_view() -> None:
    truth, view = street(), EVERYWHERE.copy()
    truth[:, :, 2], view[:, :, 2] = CAR, False
    scores = scores_of(truth, truth, view)
    assert scores["25.6 m"] == ObstacleScores(1.0, 0.0, 256, 0)
    assert scores["25.6 m in view"] == ObstacleScores(0.0, 0.0, 0, 256)


def test_empty_and_unknown_columns_are_not_counted_and_an_unknown_prediction_is_no_obstacle() -> None:
    truth = np.full(GRID.shape, 255, np.uint8)
    truth[:8] = 0
    truth[0, 8, 0] = ROAD
    assert scores_of(np.full_like(truth, 255), truth)["25.6 m"] == ObstacleScores(0.0, 0.0, 0, 1)


def test_columns_are_pooled_over_frames() -> None:
    board = ObstacleBoard(GRID, SEMANTIC_KITTI)
    one, wall = street(), street()
    one[0, 8, 1] = CAR
    wall[4, :, 1] = CAR
    board.add(one, one, EVERYWHERE)
    board.add(street(), wall, EVERYWHERE)
    assert board.scores()["25.6 m"].found == 1 / 17  # the mean over frames would be 1 / 2


def test_ranges_that_reach_beyond_the_box_are_left_out() -> None:
    assert list(ObstacleBoard(SceneGrid((0, -12, -2), 0.5, (40, 48, 8)), SEMANTIC_KITTI).counts) == [
        "12.8 m",
        "12.8 m in view",
    ]
    assert not ObstacleBoard(SceneGrid((0, -4, -2), 0.5, (16, 16, 8)), SEMANTIC_KITTI).counts


@pytest.mark.parametrize("label_set", [SEMANTIC_KITTI, SSCBENCH_KITTI_360])
def test_lane_markings_are_ground_in_both_label_sets(label_set: LabelSet) -> None:
    """60 is lane-marking in both data sets; 40, 44, 48, 49 and 72 are the ground classes."""
    raw = np.array([40, 44, 48, 49, 60, 72])
    assert set(label_set.train_from_raw_voxels(raw)) == set(label_set.ground_ids)
    assert {label_set.names[train] for train in label_set.ground_ids} == GROUND


def test_the_square_is_the_published_one_of_the_semantic_kitti_box() -> None:
    """64 x 64 columns within 12.8 m, as SSCBench crops its range."""
    truth = np.zeros(SEMANTIC_KITTI_GRID.shape, np.uint8)
    truth[:64, 96:160, 0] = ROAD
    truth[64, 96:160, 0] = truth[:64, 95, 0] = truth[:64, 160, 0] = CAR
    board = ObstacleBoard(SEMANTIC_KITTI_GRID, SEMANTIC_KITTI)
    board.add(truth, truth, np.zeros_like(truth, np.bool_))
    assert board.scores()["12.8 m"] == ObstacleScores(0.0, 0.0, 0, 64 * 64)
    assert board.scores()["25.6 m"].obstacle_columns == 3 * 64
    assert board.scores()["12.8 m in view"].ground_columns == 0


def test_a_box_that_is_shifted_keeps_the_square_at_the_origin() -> None:
    shifted = replace(GRID, min_corner=(-3.2, -12.8, -2.0), shape=(18, 16, 3))
    truth = np.zeros(shifted.shape, np.uint8)
    truth[:, :, 0] = ROAD
    board = ObstacleBoard(shifted, SEMANTIC_KITTI)
    board.add(truth, truth, np.ones_like(truth, np.bool_))
    assert board.scores()["12.8 m"].ground_columns == 64
