"""Pairs of voxels and image cells against a loop over points that does one thing after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ssc_ros.core import SceneGrid, StereoRig, poses
from ssc_ros.inference.inputs import project_nearest, projection, sightings
from ssc_ros.systems import InputSpec

OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0, 0, -1, 0, -0.1]))
RIG = StereoRig(np.array([[200.0, 0, 160], [0, 200, 48], [0, 0, 1]]), 0.5, (96, 320), OPTICAL)
SPEC = replace(
    InputSpec(), image_size=RIG.image_size, grid=SceneGrid((0.0, -6.4, -1.6), 0.2, (64, 64, 16)), context_size=(12, 40)
)


@pytest.fixture
def points() -> np.ndarray:
    """Near and far, in and out of the box and of the view, some of them twice or nowhere."""
    points = np.random.default_rng(0).uniform((-2, -8, -2, 0), (14, 8, 2, 1), (3000, 4)).astype(np.float32)
    points[::100] = np.nan
    return np.concatenate([points, points[:500]])


def test_pairs_are_those_of_a_loop(points: np.ndarray) -> None:
    nearest = project_nearest(points[:, :3], RIG, SPEC.context_size)
    half, expected = SPEC.grid.coarsened(2), set()
    for point in points[np.isfinite(points[:, 0])]:
        index = half.indices(point[None, :3])
        if not half.contains(index)[0]:
            continue
        (pixel,), (depth,) = RIG.project(point[None, :3])
        u, v = np.floor((pixel + 0.5) / 8)
        cell = -1
        if depth > 0 and 0 <= u < 40 and 0 <= v < 12 and depth <= 1.05 * nearest[int(v), int(u)] + 0.5:
            cell = int(v * 40 + u)
        expected.add((int(np.ravel_multi_index(index[0], half.shape)), cell))
    found = sightings(points, nearest, projection(RIG), SPEC)
    assert len(found) == len(expected)
    assert {tuple(pair) for pair in found.tolist()} == expected
    assert (np.diff(found[:, 0]) >= 0).all()
    assert 0.2 < (found[:, 1] < 0).mean() < 0.95  # hidden or out of view


def test_no_points_have_no_pairs() -> None:
    assert sightings(np.empty((0, 3), np.float32), np.zeros((12, 40), np.float32), projection(RIG), SPEC).shape == (
        0,
        2,
    )
