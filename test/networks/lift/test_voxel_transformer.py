"""The voxel transformer changes proposed voxels by what their pixels show, and fills the others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssc_ros.core import SEMANTIC_KITTI_GRID, DepthBins, SceneGrid, StereoRig, poses
from ssc_ros.networks.lift.deformable import sample_depth_weighted
from ssc_ros.networks.lift.depth_weighted import DepthWeightedLift, project_voxels
from ssc_ros.networks.lift.frustum import frustum_coordinates
from ssc_ros.networks.lift.voxel_transformer import PriorFill, VoxelTransformer

GRID = SceneGrid((0.0, -3.2, -1.6), 0.4, (12, 16, 6))
BINS = DepthBins(1.0, 0.25, 16)
OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0.05, 0, -1, 0, -0.1]))
RIG = StereoRig(np.array([[30.0, 0, 30.2], [0, 31.0, 10.3], [0, 0, 1]]), 0.5, (20, 60), OPTICAL)
PROJECTION = torch.from_numpy(RIG.camera_matrix @ RIG.T_camera_grid[:3]).float()


def transformer(layers: int = 2) -> VoxelTransformer:
    torch.manual_seed(0)
    return VoxelTransformer(8, 2, 3, layers, 12, BINS, GRID, RIG.image_size, context=5).eval()


def inputs(batch: int, share: float = 0.1, seed: int = 0) -> list[torch.Tensor]:
    """Volume, proposals, context, density of the depth and (slightly different) projections."""
    random = torch.Generator().manual_seed(seed)
    shift = torch.zeros(batch, 3, 4)
    shift[:, :2, 3] = torch.rand(batch, 2, generator=random)
    return [
        torch.randn(batch, 8, *GRID.shape, generator=random),
        torch.rand(batch, *GRID.shape, generator=random) < share,
        torch.randn(batch, 5, 10, 30, generator=random),
        torch.randn(batch, BINS.count, 10, 30, generator=random).softmax(1),
        PROJECTION + shift,
    ]


def refine(net: VoxelTransformer, volume: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
    refined: torch.Tensor = net(volume, net.fill(volume), *rest)
    return refined


def visible(projection: torch.Tensor) -> torch.Tensor:
    return frustum_coordinates(project_voxels(projection, GRID), RIG.image_size, BINS)[1]


def test_the_published_size() -> None:
    with torch.device("meta"):
        net = VoxelTransformer(128, 8, 8, 3, 256, DepthBins(), SEMANTIC_KITTI_GRID.coarsened(2), (384, 1280))
    assert sum(p.numel() for p in net.layers.parameters()) == 397_440
    assert sum(p.numel() for p in net.prior.parameters()) == 16_704


def test_voxels_in_view_are_those_of_the_camera_model() -> None:
    expected = torch.from_numpy(RIG.in_view(GRID.centers()))
    assert 0.1 < expected.float().mean() < 0.9
    assert torch.equal(visible(PROJECTION[None])[0], expected)


def test_other_voxels_get_the_prior_fill() -> None:
    net, (volume, proposals, *image) = transformer(), inputs(2)
    result = refine(net, volume, proposals, *image)
    filled = torch.nn.Sequential(*net.prior)(volume.movedim(1, -1)).movedim(-1, 1)
    others = ~proposals[:, None].expand_as(volume)
    torch.testing.assert_close(result[others], filled[others])
    assert ((result - filled).abs().amax(dim=1)[proposals] > 1e-3).all()


@pytest.mark.parametrize("proposed", [(0, 0), (1, 0), (0, 5), (GRID.size, 0)])
def test_any_number_of_proposals_in_any_sample(proposed: tuple[int, int]) -> None:
    net, (volume, proposals, *image) = transformer(), inputs(2)
    for sample, count in zip(proposals, proposed, strict=True):
        sample.view(-1)[:] = torch.arange(GRID.size) < count
    volume.requires_grad_()
    result = refine(net, volume, proposals, *image)
    assert result.shape == volume.shape
    result.square().sum().backward()
    assert (volume.grad.abs().amax(dim=(1, 2, 3, 4)) > 0).all()
    # parallel training waits for the gradient of every parameter
    assert all(p.grad is not None for p in net.parameters())


def test_a_batch_of_two_equals_two_singles() -> None:
    net, tensors = transformer(), inputs(2)
    singles = torch.cat([refine(net, *(t[b : b + 1] for t in tensors)) for b in range(2)])
    torch.testing.assert_close(refine(net, *tensors), singles)


def test_out_of_view_the_image_does_not_matter() -> None:
    net, (volume, proposals, context, density, projection) = transformer(), inputs(1, share=0.5)
    before = refine(net, volume, proposals, context, density, projection)
    other = torch.randn_like(density).softmax(1)
    after = refine(net, volume, proposals, torch.randn_like(context), other, projection)
    changed = (before != after).any(dim=1)
    assert (changed & ~visible(projection)).sum() == 0
    assert changed[proposals & visible(projection)].float().mean() > 0.8


def test_out_of_view_the_attention_adds_its_output_bias_alone() -> None:
    net, (volume, _, *image) = transformer(layers=1), inputs(1)
    layer = net.layers[0]
    torch.nn.init.normal_(layer.attention.output.bias)
    x, y, z = torch.nonzero(~visible(image[2])[0])[0]
    proposals = torch.zeros(1, *GRID.shape, dtype=torch.bool)
    proposals[0, x, y, z] = True
    query = layer.attention_norm(volume[0, :, x, y, z] + layer.attention.output.bias)
    expected = layer.feed_forward_norm(query + layer.feed_forward(query))
    torch.testing.assert_close(refine(net, volume, proposals, *image)[0, :, x, y, z], expected)


def test_sampling_a_constant_image_reads_the_density_that_the_lift_reads() -> None:
    """Two code paths to the probability of a voxel's depth."""
    _, _, _, density, projection = inputs(1)
    coordinates, seen = frustum_coordinates(project_voxels(projection, GRID), RIG.image_size, BINS)
    # border cells fade where the context is padded, but not where it is constant
    inner = seen & (coordinates[..., :2] > 0.06).all(-1) & (coordinates[..., :2] < 0.94).all(-1)
    at = coordinates[inner][:, None, None]
    sampled = sample_depth_weighted(
        torch.ones(1, 1, 1, 10, 30), density, at, torch.ones(len(at), 1, 1), torch.zeros(len(at)).long()
    )
    lifted = DepthWeightedLift(GRID, BINS, RIG.image_size)(torch.ones(1, 1, 10, 30), density, projection)
    torch.testing.assert_close(sampled[:, 0, 0], lifted[:, 1][inner], atol=1e-5, rtol=1e-4)
    assert sampled.max() > 0.1


def test_gradients_reach_context_depth_and_all_parameters() -> None:
    net, tensors = transformer().train(), inputs(2)
    for t in tensors[:1] + tensors[2:4]:
        t.requires_grad_()
    refine(net, *tensors).square().sum().backward()
    for t in (*tensors[:1], *tensors[2:4], *net.parameters()):
        assert t.grad.isfinite().all()
        assert (t.grad != 0).any()


def test_the_prior_fill_is_a_perceptron_of_every_voxel() -> None:
    torch.manual_seed(0)
    prior = PriorFill(16).requires_grad_(False)
    for parameter in prior.parameters():
        parameter.normal_()
    volume = torch.randn(2, 16, 4, 5, 3)
    first, scale, shift, second = (p.view(-1, 1, 1, 1) for p in (prior[0].bias, *prior[1].parameters(), prior[3].bias))
    hidden = torch.einsum("oi,bixyz->boxyz", prior[0].weight, volume) + first
    centred = hidden - hidden.mean(dim=1, keepdim=True)
    scaled = centred / (centred.square().mean(dim=1, keepdim=True) + 1e-5).sqrt()
    active = torch.nn.functional.leaky_relu(scaled * scale + shift)
    expected = torch.einsum("oi,bixyz->boxyz", prior[3].weight, active) + second
    torch.testing.assert_close(prior(volume), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_prior_fill_melts_into_one_without_a_mean() -> None:
    fill = PriorFill(12)
    for parameter in fill.parameters():
        torch.nn.init.normal_(parameter)
    volume = 3 + torch.randn(2, 12, 4, 5, 3)
    melted = fill.fused()
    assert not any(isinstance(module, torch.nn.LayerNorm) for module in melted.modules())
    torch.testing.assert_close(melted(volume), fill(volume))
    before = fill(volume)
    for parameter in melted.parameters():
        parameter.zero_()
    assert torch.equal(fill(volume), before)
