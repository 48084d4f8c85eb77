"""Context of several scales at sparse voxels, against slow and dense references."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ssc_ros.networks.guidance.multi_scale import SCALES, MultiScaleFusion, SparseResidualBlock
from ssc_ros.networks.sparse.volume import SparseVolume


def slow_fusion(fusion: MultiScaleFusion, features: torch.Tensor, coordinates: torch.Tensor) -> torch.Tensor:
    """One scene, site by site."""
    reduced = functional.relu(fusion.reduce(features))
    rows = []
    for i, own in enumerate(coordinates):
        contexts = []
        for scale, describe in zip(SCALES, fusion.describe, strict=True):
            same = (coordinates // scale == own // scale).all(dim=1)
            contexts.append(functional.relu(describe(reduced[same].mean(dim=0))))
        common = functional.relu(fusion.common(sum(contexts)))
        gated = sum(c * gate(common).sigmoid() for c, gate in zip(contexts, fusion.gates, strict=True))
        rows.append(fusion.merge(torch.cat([reduced[i], fusion.expand(gated)])))
    return torch.stack(rows)


@torch.no_grad()
def test_context_of_four_scales_is_that_of_a_loop_over_voxels() -> None:
    torch.manual_seed(0)
    fusion = MultiScaleFusion(5, 3, 8)
    mask = torch.rand(2, 13, 9, 7) < 0.1
    volume = SparseVolume.from_dense(torch.randn(2, 5, 13, 9, 7), mask)
    fused = fusion(volume)
    for b in range(2):
        mine = volume.sites.coordinates[:, 0] == b
        expected = slow_fusion(fusion, volume.features[mine], volume.sites.coordinates[mine, 1:])
        torch.testing.assert_close(fused.features[mine], expected)


@torch.no_grad()
def test_a_residual_block_on_all_voxels_is_a_dense_one() -> None:
    torch.manual_seed(0)
    block = SparseResidualBlock(3, 4).eval()
    dense = torch.randn(2, 3, 5, 4, 3)
    ours = block(SparseVolume.from_dense(dense, torch.ones(2, 5, 4, 3, dtype=torch.bool))).dense()

    def norm(x: torch.Tensor, layer: nn.Module) -> torch.Tensor:
        return (x.movedim(1, -1) / (1 + layer.eps) ** 0.5).movedim(-1, 1)  # untrained statistics

    def convolve(x: torch.Tensor, layer: nn.Module) -> torch.Tensor:
        return functional.conv3d(x, layer.weight.movedim(-1, 1), padding=1)

    hidden = functional.leaky_relu(norm(convolve(dense, block.first), block.first_norm), 0.1)
    shortcut = torch.einsum("oc,bcxyz->boxyz", block.shortcut[0].weight, dense)
    body = norm(convolve(hidden, block.second), block.second_norm) + norm(shortcut, block.shortcut[1])
    torch.testing.assert_close(ours, functional.leaky_relu(body, 0.1), atol=1e-5, rtol=1e-5)
