"""The past as seen from here: planes, poses and projections against closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ssc_ros.core import poses
from ssc_ros.networks.lift.frustum import frustum_points
from ssc_ros.networks.temporal.plane_sweep import homographies, plane_sweep, swept_places

from ..moving_rig import PLANES, RIG, SIZE, VALID, projection

MOTIONS = (
    (np.array([0.0, 0, 0, 1]), np.array([1.5, 0, 0])),
    (np.array([0.01, -0.02, 0.05, 0.998]), np.array([0.8, -0.3, 0.1])),
)
"""T_past_now as quaternion and translation [m]: forward, and forward in a bend."""


def view(
    texture: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    matrix: torch.Tensor,
    depth: float,
    size: tuple[int, int],
) -> torch.Tensor:
    """What a camera sees of a textured plane that stands across the current camera's axis: [size], by ray casting."""
    camera = projection().double()
    m = matrix.double()
    v, u = torch.meshgrid(
        *((torch.arange(n) + 0.5) * pixels / n - 0.5 for n, pixels in zip(size, RIG.image_size, strict=True)),
        indexing="ij",
    )
    inverse = torch.linalg.inv(m[:, :3])
    origin = -inverse @ m[:, 3]
    rays = torch.stack([u, v, torch.ones_like(u)], dim=-1).double() @ inverse.mT
    # the plane is where the current camera's third row says `depth`
    row, offset = camera[2, :3], camera[2, 3]
    along = (depth - offset - row @ origin) / (rays @ row)
    points = origin + along[..., None] * rays
    return texture(points[..., 1], points[..., 2]).float()


def smooth(y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    return torch.sin(0.7 * y) + torch.cos(0.9 * z + 0.3 * y)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("plane", [1, 3])
def test_a_plane_looks_alike_at_its_own_depth_and_at_no_other(
    motion: tuple[NDArray[np.float64], NDArray[np.float64]], plane: int
) -> None:
    """Seen by a camera at another place, and swept, it is what the current camera sees; interpolation costs 0.01."""
    T_past_now = poses.from_quaternion(*motion)
    depth = float(PLANES.centers[plane])
    now = view(smooth, projection(), depth, SIZE)
    past = view(smooth, projection(T_past_now), depth, (96, 256))
    places = swept_places(projection()[None], projection(T_past_now)[None, None], VALID, PLANES, SIZE, RIG.image_size)
    swept = plane_sweep(past[None, None, None], places)[0, 0, 0]
    inside = (places[0, 0].abs() < 0.98).all(dim=-1)
    assert inside[plane].float().mean() > 0.5
    errors = [(swept[d] - now)[inside[d]].abs().mean() for d in range(PLANES.count)]
    assert errors[plane] < 0.01
    assert all(error > 5 * errors[plane] for d, error in enumerate(errors) if d != plane)


def test_swept_places_are_those_where_the_past_camera_sees_the_points_of_the_frustum() -> None:
    T_past_now = poses.from_quaternion(*MOTIONS[1])
    both = torch.stack([projection(), projection() + torch.tensor([[0, 0, 0, 5.0], [0, 0, 0, 0], [0, 0, 0, 0]])])
    past = torch.stack([projection(T_past_now), projection()])[None].repeat(2, 1, 1, 1)
    places = swept_places(both, past, torch.ones(2, 2, dtype=torch.bool), PLANES, SIZE, RIG.image_size)
    points = frustum_points(both, SIZE, RIG.image_size, PLANES)
    homogeneous = torch.einsum("bpij,bdhwj->bpdhwi", past, functional.pad(points, (0, 1), value=1.0))
    pixels = homogeneous[..., :2] / homogeneous[..., 2:]
    expected = (2 * pixels + 1) / torch.tensor([64.0, 24.0]) - 1
    torch.testing.assert_close(places, expected, atol=1e-4, rtol=1e-4)


def test_nothing_moves_where_nobody_has_moved() -> None:
    features = torch.randn(2, 3, 4, *SIZE)
    now = torch.stack([projection(), projection()])
    valid = torch.ones(2, 3, dtype=torch.bool)
    places = swept_places(now, now[:, None].repeat(1, 3, 1, 1), valid, PLANES, SIZE, RIG.image_size)
    swept = plane_sweep(features, places)
    torch.testing.assert_close(swept, features[:, :, :, None].expand_as(swept), atol=1e-4, rtol=1e-4)
    infinite, shift = homographies(now, now[:, None])
    torch.testing.assert_close(infinite[0, 0], torch.eye(3, dtype=torch.float64), atol=1e-9, rtol=0)
    assert shift.abs().max() < 1e-6


def test_what_is_not_there_is_not_seen() -> None:
    """No frame (its projection is zero), and what lies behind the past camera."""
    now = projection()[None]
    behind = projection(poses.from_quaternion(np.array([0.0, 0, 1, 0]), np.zeros(3)))
    past = torch.stack([torch.zeros(3, 4), behind, projection()])[None]
    places = swept_places(now, past, torch.tensor([[False, True, True]]), PLANES, SIZE, RIG.image_size)
    swept = plane_sweep(torch.ones(1, 3, 1, *SIZE), places)
    assert places.isfinite().all()
    assert not swept[:, :2].any()
    assert swept[:, 2].all()


def test_sweeping_a_mean_of_channels_is_the_mean_of_swept_channels() -> None:
    places = swept_places(
        projection()[None], projection(poses.from_quaternion(*MOTIONS[0]))[None, None], VALID, PLANES, SIZE, (24, 64)
    )
    features = torch.randn(1, 1, 6, *SIZE)
    torch.testing.assert_close(
        plane_sweep(features, places).mean(dim=2), plane_sweep(features.mean(dim=2, keepdim=True), places)[:, :, 0]
    )
