"""What rays have seen, hit and cannot see, in scenes that are known exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from ssc_ros.core import SEMANTIC_KITTI_GRID as GRID
from ssc_ros.core import SceneGrid
from ssc_ros.simulation.ground_truth import Scan, voxel_truth


def scan(points: NDArray[np.float64], labels: ArrayLike, pose: NDArray[np.float64] | None = None) -> Scan:
    points = np.column_stack([points, np.zeros(len(points))]).astype(np.float32)
    return Scan(points, np.asarray(labels, np.uint32), np.eye(4) if pose is None else pose)


def wall(x: float, label: int = 50) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    y, z = np.meshgrid(np.arange(-8, 8, 0.05), np.arange(-1.5, 1.5, 0.05))
    points = np.stack([np.full(y.size, x), y.ravel(), z.ravel()], axis=1)
    return points, np.full(len(points), label)


def column(volume: NDArray[Any], y: float = 0.05, z: float = 0.05) -> NDArray[Any]:
    """Voxels straight ahead."""
    _, j, k = GRID.indices(np.array([[1.0, y, z]]))[0]
    return volume[:, j, k]


def test_in_front_of_a_wall_is_free_and_behind_it_unknown() -> None:
    truth = voxel_truth([scan(*wall(20.1))], GRID)
    at = 100  # 20.0 to 20.2 m
    labels, invalid, occluded = (column(v) for v in (truth.labels, truth.invalid, truth.occluded))
    assert labels[at] == 50
    assert np.flatnonzero(labels).tolist() == [at]
    assert not invalid[: at + 1].any()
    assert invalid[at + 1 :].all()
    assert not occluded[:at].any()
    assert occluded[at:].all()
    assert column(truth.measured)[at]


def test_the_next_scan_sees_past_what_moves_away_and_keeps_its_trace() -> None:
    ahead = np.eye(4)
    ahead[0, 3] = 10.0
    # the wall is at 20.1 m in both; something stands at 12.1 m in the first scan only
    thing = scan(*wall(12.1, 252))
    later = scan(*wall(10.1), pose=ahead)
    truth = voxel_truth([thing, later], GRID)
    labels = column(truth.labels)
    assert labels[60] == 252
    assert labels[100] == 50
    assert not column(truth.invalid)[:101].any()
    assert not column(truth.measured)[100]


def test_far_away_and_on_the_car_is_left_out() -> None:
    points = np.array([[1.0, 0.5, 0.05], [71.0, 0.0, 0.0], [9.9, 0.05, 0.05]])
    truth = voxel_truth([scan(points, [40, 40, 40])], GRID)
    assert np.argwhere(truth.labels).tolist() == GRID.indices(points[2:]).tolist()


def test_every_voxel_that_a_ray_samples_is_seen() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform((3, -30, -3), (60, 30, 6), (200, 3)).astype(np.float32)
    truth = voxel_truth([scan(points, np.full(200, 40))], GRID)
    steps = np.linspace(0.001, 0.999, 4000)[:, None]
    for point in points:
        index = GRID.indices(steps * point)
        index = index[GRID.contains(index)]
        # float32 voxelisation and the walk may differ on a face by one voxel
        assert truth.invalid[tuple(index.T)].mean() < 0.01


@pytest.mark.parametrize("origin", [(0.0, 0.0), (3.0, 2.0)])
def test_hidden_voxels_are_those_behind(origin: tuple[float, float]) -> None:
    grid = SceneGrid((0.0, -3.2, -1.0), 0.2, (32, 32, 16))
    points = np.array([[3.5, 0.1, 0.1]])
    pose = np.eye(4)
    pose[:2, 3] = origin  # where the sensor stands does not matter in its own frame
    truth = voxel_truth([scan(points, [80], pose)], grid)
    hidden = np.argwhere(truth.occluded)
    centre = grid.centers(hidden)
    direction = centre / np.linalg.norm(centre, axis=1, keepdims=True)
    toward = points[0] / np.linalg.norm(points[0])
    assert len(hidden) > 5
    assert (direction @ toward > np.cos(np.radians(4))).all()
    assert (np.linalg.norm(centre, axis=1) > 3.35).all()
