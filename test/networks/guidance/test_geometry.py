"""Proposals: published sizes, batches of clouds, and what happens without points."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ssc_ros.core import SceneGrid
from ssc_ros.networks.guidance.bird_eye import BirdEyeUNet, OccupancyHead
from ssc_ros.networks.guidance.geometry import GeometryHead, ProposalNetwork
from ssc_ros.networks.guidance.points import PointEvidence
from ssc_ros.networks.volume.sdb import SemanticDiffusion

from ..sizes import parameters
from .points_around import GRID, cloud

NAN = float("nan")


def network(seed: int = 0) -> ProposalNetwork:
    torch.manual_seed(seed)
    return ProposalNetwork(PointEvidence(GRID), BirdEyeUNet(GRID.shape[2]), OccupancyHead()).eval()


def test_proposals_have_the_size_counted_in_the_published_code() -> None:
    unused = {
        "choice of scale in the points' fusion": 32 * 16 + 16,
        "transposed convolutions to the full resolution": 4 * 4 * 64 + 4 + 8 * 8 * 16 + 8,
    }
    grid = SceneGrid((0.0, -25.6, -2.0), 0.2, (256, 256, 32))
    with torch.device("meta"):
        proposals = ProposalNetwork(PointEvidence(grid), BirdEyeUNet(grid.shape[2]), OccupancyHead())
    assert parameters(proposals) == 350_298 - sum(unused.values())
    assert parameters(proposals.points) == 31_169 - unused["choice of scale in the points' fusion"]
    assert parameters(proposals.bird_eye.at_quarter) == 64_640
    assert parameters(proposals.bird_eye.at_eighth) == 103_840


@pytest.mark.parametrize(("channels", "published"), [(128, 499_777), (64, 125_729)])
def test_the_geometry_head_has_the_size_counted_in_the_published_code(channels: int, published: int) -> None:
    half = channels // 2
    with torch.device("meta"):
        head = GeometryHead(SemanticDiffusion(channels, half, 1), nn.Conv3d(half, 1, 3, padding=1))
    assert parameters(head) == published


@torch.no_grad()
def test_a_batch_of_clouds_of_different_lengths_is_its_clouds() -> None:
    proposals, clouds = network(), torch.stack([cloud(90, 1), cloud(90, 2)])
    clouds[1, 50:] = NAN
    both = proposals(clouds)
    singles = [proposals(clouds[:1]), proposals(clouds[1:, :50])]
    for ours, theirs in zip(both, zip(*singles, strict=True), strict=True):
        torch.testing.assert_close(ours, torch.cat(theirs), atol=1e-5, rtol=1e-5)
    assert both.logits.shape == (2, 8, 8, 4)
    assert both.guidance.shape == (2, 8, 8, 8, 4)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_almost_no_points_are_no_error(training: bool, count: int) -> None:
    points = torch.full((2, 3, 3), NAN)
    points[0, :count] = torch.tensor([1.0, 0.1, 0.1])
    proposals = network().train(training)
    assert proposals(points).logits.isfinite().all()


def test_an_untrained_network_guesses_that_a_tenth_is_occupied() -> None:
    """Neither nothing nor everything, which would be slow."""
    logits = network()(cloud(400)[None]).logits
    assert 0.02 < logits.sigmoid().mean() < 0.3


def test_every_parameter_of_proposals_learns() -> None:
    proposals = network().train()
    logits, guide = proposals(cloud(500)[None])
    (logits.square().mean() + guide.square().mean()).backward()
    assert [n for n, p in proposals.named_parameters() if not p.grad.abs().sum() > 0] == []
