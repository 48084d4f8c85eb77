"""Points reach the voxel that holds them, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssc_ros.core import SceneGrid
from ssc_ros.networks.lidar.point_encoder import FEATURES, PointEncoder
from ssc_ros.networks.lidar.voxel_index import points_inside

GRID = SceneGrid((0.0, -1.6, -2.0), 0.4, (6, 8, 4))


def encoder(outputs: int = 5) -> PointEncoder:
    torch.manual_seed(0)
    return PointEncoder(GRID, (7, 9), outputs).eval()


def sweep(count: int, seed: int = 0) -> torch.Tensor:
    """Points in and around the box."""
    low, high = np.subtract(GRID.min_corner, 0.5), np.add(GRID.max_corner, 0.5)
    values = np.random.default_rng(seed).uniform([*low, 0], [*high, 1], (count, 4))
    return torch.from_numpy(values.astype(np.float32))


def naive(net: PointEncoder, points: torch.Tensor) -> torch.Tensor:
    """One point at a time, by the grid's own arithmetic."""
    volume = torch.zeros(net.out_channels, *GRID.shape)
    seen = set()
    for point in points:
        x, y, z = GRID.indices(point[None, :3].numpy())[0]
        if not GRID.contains(np.array([[x, y, z]]))[0]:
            continue
        center = torch.from_numpy(GRID.centers(np.array([[x, y, z]]))[0])
        encoded = net.layers(torch.cat([point[:3] - center, point[:2], point[3:]])[None])[0]
        volume[:, x, y, z] = torch.maximum(volume[:, x, y, z], encoded) if (x, y, z) in seen else encoded
        seen.add((x, y, z))
    return volume


def test_the_published_size() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in PointEncoder(GRID).parameters()) == 75_596


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 60), st.integers(0, 10**6))
def test_equals_a_loop_over_the_points(count: int, seed: int) -> None:
    net, points = encoder(), sweep(count, seed)
    with torch.no_grad():
        torch.testing.assert_close(net(points[None])[0], naive(net, points))


def test_features_are_offset_position_and_reflectance() -> None:
    point = torch.tensor([[[0.5, -1.5, -1.9, 0.3]]])
    inside = encoder()._features(points_inside(point, GRID))
    torch.testing.assert_close(inside, torch.tensor([[-0.1, -0.1, -0.1, 0.5, -1.5, 0.3]]), atol=1e-6, rtol=0)
    assert inside.shape[1] == FEATURES


def test_points_on_the_faces_and_padding_are_left_out() -> None:
    low, high = GRID.min_corner, GRID.max_corner
    middle = [1.0, 0.1, -1.0]
    faces = [[*middle[:a], side[a], *middle[a + 1 :], 0.5] for a in range(3) for side in (low, high)]
    points = torch.tensor([[*faces, [float("nan")] * 4, [1.0, float("nan"), 0.0, 0.0], [*middle, 0.5]]])
    volume = encoder()(points)
    assert (volume.abs().sum(1) > 0).sum() == 1
    just_inside = torch.nextafter(torch.tensor(high), torch.tensor(low))
    last = encoder()(torch.cat([just_inside, torch.tensor([0.5])])[None, None])
    assert last[0, :, -1, -1, -1].abs().sum() > 0


def test_a_batch_of_two_equals_two_singles() -> None:
    net, sweeps = encoder(), torch.stack([sweep(80, 1), sweep(80, 2)])
    sweeps[1, 50:] = float("nan")
    singles = torch.cat([net(sweeps[:1]), net(sweeps[1:, :50])])
    torch.testing.assert_close(net(sweeps), singles)


def test_a_prediction_does_not_depend_on_the_other_points() -> None:
    net, points = encoder().train(), sweep(200)
    net(points[None])  # running statistics of its own
    net.eval()
    x, y, z = GRID.indices(points[:, :3].numpy()).T
    near = torch.from_numpy(GRID.contains(np.stack([x, y, z], 1)) & (x < 3))
    torch.testing.assert_close(net(points[None])[:, :, :3], net(points[None, near])[:, :, :3])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("inside", [0, 1, 2])
def test_an_almost_empty_sweep_is_no_error(training: bool, inside: int) -> None:
    points = torch.full((2, 4, 4), float("nan"))
    points[1, :inside] = torch.tensor([1.0, 0.1, -1.0, 0.5])
    volume = encoder().train(training)(points)
    assert volume.isfinite().all()
    assert volume.shape == (2, 5, *GRID.shape)
    # one point alone cannot be normalised in training: it counts as none
    assert (volume != 0).any(1).sum() == (inside > int(training))


def test_the_gradient_reaches_the_largest_point_of_a_voxel_only() -> None:
    net = encoder(1)
    features = torch.tensor([[[1.0, 0.1, -1.0, 0.2], [1.05, 0.1, -1.1, 0.9]]], requires_grad=True)
    volume = net(features)
    volume.sum().backward()
    single = [net(features.detach()[:, i : i + 1]).sum().item() for i in (0, 1)]
    assert volume.sum().item() == pytest.approx(max(single))
    moved = features.grad[0].abs().sum(1) > 0
    assert moved.tolist() == [single[0] > single[1], single[1] > single[0]]
