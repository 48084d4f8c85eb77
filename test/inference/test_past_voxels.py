"""What past pairs have measured: moved by the poses, and left out where this pair measures something else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike, NDArray

from ssc_ros.core import SceneGrid, poses
from ssc_ros.inference.history import Past, join, past_voxels
from ssc_ros.networks.heads.subvoxel import from_children
from ssc_ros.systems.spec import History, InputSpec

GRID = SceneGrid((0.0, -6.4, -3.2), 0.2, (64, 64, 32))
SPEC = InputSpec(
    image_size=(16, 32),
    context_size=(4, 8),
    grid=GRID,
    pair=("stereo_depth", "stereo_points"),
    history=History(count=2, measured=True),
)
PROJECTION = torch.tensor([[16.0, -16, 0, 0], [8, 0, -16, 0], [1, 0, 0, 0]])
"""A camera that looks along x."""


def wall() -> torch.Tensor:
    """At 10 m on the right half of the image, and nothing on the left."""
    depth = torch.zeros(4, 8)
    depth[:, 4:] = 10
    return depth


def measured(
    points: ArrayLike, T_past_now: NDArray[np.float64] | None = None, depth: torch.Tensor | None = None
) -> torch.Tensor:
    """Fine voxels, one frame ago."""
    past = Past(
        {"stereo_points": torch.tensor(points, dtype=torch.float32)}, np.eye(4) if T_past_now is None else T_past_now
    )
    now = {"projection": PROJECTION, "stereo_depth": wall() if depth is None else depth}
    return from_children(past_voxels(now, [None, past], SPEC)[None])[0]


@pytest.mark.parametrize(
    ("point", "counts"),
    [
        ((5.1, -0.1, 0.1), False),  # in front of the wall
        ((8.9, -0.1, 0.1), False),
        ((9.1, -0.1, 0.1), True),  # 9.0 m is 0.5 m and a twentieth before it
        ((10.9, -0.1, 0.1), True),
        ((11.1, -0.1, 0.1), False),  # behind it
        ((5.1, 2.1, 0.1), True),  # where nothing is measured
        ((5.1, 6.1, 0.1), True),  # beside the image
        ((5.1, -0.1, 3.1), True),  # above it
    ],
)
def test_what_is_measured_anew_supersedes(point: tuple[float, float, float], counts: bool) -> None:
    voxels = measured([point])
    assert voxels.sum() == counts
    if counts:
        assert voxels[tuple(GRID.indices(np.array([point]))[0])] == 1


def test_points_are_moved_by_the_pose_and_leave_the_box() -> None:
    random = np.random.default_rng(0)
    points = random.uniform((0, -6.4, -3.2), (12.8, 6.4, 3.2), (2000, 3)).astype(np.float32)
    T_past_now = poses.from_quaternion(np.array([0, 0, np.sin(0.1), np.cos(0.1)]), np.array([3.0, 0.5, 0.1]))
    there = poses.apply(poses.inverse(T_past_now), points)
    index = GRID.indices(there)
    expected = torch.zeros(GRID.shape, dtype=torch.uint8)
    expected[tuple(torch.from_numpy(index[GRID.contains(index)]).T)] = 1
    assert 500 < expected.sum() < 1900
    assert torch.equal(measured(points, T_past_now, torch.zeros(4, 8)), expected)


def test_the_points_themselves_are_not_given_to_the_network() -> None:
    now = {
        "image": torch.zeros(3, *SPEC.image_size, dtype=torch.uint8),
        "projection": PROJECTION,
        "stereo_depth": wall(),
        "stereo_points": torch.ones(5, 3),
    }
    joined = join(now, [], SPEC)
    assert "stereo_points" not in joined
    assert joined["past_voxels"].shape == (8, 32, 32, 16)
    assert not joined["past_voxels"].any()
    alike = join(now, [], replace(SPEC, history=History(count=2)))
    assert torch.equal(alike["stereo_points"], now["stereo_points"])
