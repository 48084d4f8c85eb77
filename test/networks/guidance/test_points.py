"""Evidence of points: where they are, whatever their order."""

from __future__ import annotations

import torch

from ssc_ros.networks.guidance.points import PointEvidence, measured_voxels

from .points_around import GRID, cloud


@torch.no_grad()
def test_point_features_are_place_and_two_offsets() -> None:
    evidence = PointEvidence(GRID)
    seen = []
    evidence.encoder.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    # two points of voxel (1, 8, 2), whose centre is (0.6, 0.2, 0), and one of the last voxel
    points = torch.tensor([[0.5, 0.2, 0.1], [0.7, 0.3, 0.1], [6.3, 3.1, 2.1]])
    evidence(points[None])
    low, high = (torch.tensor(c) for c in (GRID.min_corner, GRID.max_corner))
    place, from_mean, from_center = seen[0].split(3, dim=1)
    torch.testing.assert_close(place, 2 * (points - low) / (high - low) - 1)
    means = torch.tensor([[0.6, 0.25, 0.1], [0.6, 0.25, 0.1], [6.3, 3.1, 2.1]])
    centers = torch.tensor([[0.6, 0.2, 0.0], [0.6, 0.2, 0.0], [6.2, 3.0, 2.0]])
    torch.testing.assert_close(from_mean, (points - means) / 0.4, atol=1e-5, rtol=0)
    torch.testing.assert_close(from_center, (points - centers) / 0.4, atol=1e-5, rtol=0)


@torch.no_grad()
def test_evidence_is_where_points_are_and_ignores_their_order_and_copies() -> None:
    torch.manual_seed(0)
    evidence, points = PointEvidence(GRID).eval(), cloud(300)
    volume = evidence(points[None])
    held = measured_voxels(points[None], GRID)
    expected = torch.zeros(GRID.shape, dtype=torch.bool)
    index = GRID.indices(points.numpy())
    expected[tuple(torch.from_numpy(index[GRID.contains(index)]).T)] = True
    assert torch.equal(held[0], expected)
    assert torch.equal(volume > 0, held)
    assert volume.max() < 1
    torch.testing.assert_close(evidence(points[torch.randperm(300)][None]), volume)
    torch.testing.assert_close(evidence(points.repeat(2, 1)[None]), volume)
