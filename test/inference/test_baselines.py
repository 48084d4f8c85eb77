"""The baselines: what they learn, what they see, and their scores on real frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI, SEMANTIC_KITTI_GRID, Frame, SceneGrid, StereoRig, poses
from ssc_ros.data.semantic_kitti import SemanticKitti
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.inference.baselines import PriorBaseline, StereoBaseline

OPTICAL = poses.from_rows(np.array([0, 0, 1, 0, -1, 0, 0, 0, 0, -1, 0, 0]))
GRID = SceneGrid((0.0, -6.4, -2.0), 0.2, (64, 64, 32))


def wall(distance: float) -> Frame:
    """A textured wall that faces the camera at a whole-pixel disparity."""
    rig = StereoRig(np.array([[160.0, 0, 159.5], [0, 160.0, 49.5], [0, 0, 1]]), 0.5, (100, 320), OPTICAL)
    disparity = round(160 * 0.5 / distance)
    rng = np.random.default_rng(0)
    texture = np.repeat(rng.integers(0, 256, (100, 320 + disparity, 1), np.uint8), 3, axis=2)
    return Frame(3, texture[:, :320], texture[:, disparity:], rig)


def test_the_prior_is_the_most_frequent_known_label() -> None:
    grid = SceneGrid((0.0, 0.0, 0.0), 1.0, (1, 1, 5))
    truths = np.array([[9, 9, 255, 255, 1], [9, 0, 255, 15, 0], [1, 0, 255, 255, 255]], np.uint8).reshape(3, 1, 1, 5)
    prior = PriorBaseline(iter(truths), grid, SEMANTIC_KITTI)
    assert prior.labels.ravel().tolist() == [9, 0, 0, 15, 0]
    assert prior.complete(wall(8.0)).stamp == 3


def test_stereo_puts_a_wall_where_it_stands() -> None:
    occupied = StereoBaseline(GRID, SEMANTIC_KITTI).complete(wall(8.0)).occupied
    planes = occupied.sum(axis=(1, 2))
    x = GRID.min_corner[0] + (np.arange(64) + 0.5) * GRID.voxel_size
    assert occupied.sum() > 300
    assert planes[np.abs(x - 8.0) < 0.3].sum() > 0.95 * occupied.sum()


def test_stereo_calls_the_ground_road_and_the_rest_vegetation() -> None:
    scene = StereoBaseline(GRID, SEMANTIC_KITTI).complete(wall(8.0))
    low = GRID.centers()[..., 2] < -1.43
    names = np.array(SEMANTIC_KITTI.names)
    assert set(names[scene.labels[scene.occupied & low]]) == {"road"}
    assert set(names[scene.labels[scene.occupied & ~low]]) == {"vegetation"}


def test_prior_on_the_real_frames_scores_as_the_official_script_says(kitti_root: Path) -> None:
    """Expected: evaluate_completion.py (semantic-kitti-api a9c749e) on the files of --save-predictions."""
    sequences = SemanticKitti(kitti_root, ["00", "08"]).sequences
    if any(sequence.voxel_ids != ("000000", "000005") for sequence in sequences):
        pytest.skip("the official script's numbers were taken on the development set")
    first, _ = sequences
    prior = PriorBaseline(map(first.target, first.voxel_ids), SEMANTIC_KITTI_GRID, SEMANTIC_KITTI)
    confusion = Confusion(len(SEMANTIC_KITTI))
    for sequence in sequences:
        for frame_id in sequence.voxel_ids:
            confusion.add(prior.labels, sequence.target(frame_id))
    scores = confusion.scores()
    assert scores.iou == pytest.approx(0.30455013736263736, abs=1e-6)
    assert scores.miou == pytest.approx(0.1090683359253948, abs=1e-6)


def test_stereo_sees_real_streets(kitti_root: Path) -> None:
    sequence = SemanticKitti(kitti_root, ["08"]).sequences[0]
    prediction = StereoBaseline(sequence.grid, SEMANTIC_KITTI).complete(sequence.frame("000000", with_points=False))
    confusion = Confusion(len(SEMANTIC_KITTI))
    confusion.add(prediction.labels, sequence.target("000000"), sequence.grid.range_mask(12.8))
    assert confusion.scores().precision > 0.9
    assert confusion.scores().recall > 0.3
