"""Blocks on active voxels: residual convolutions, and context of several sizes for each voxel (SGN's SGFE)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.sparse.conv import SubmanifoldConv3d
from ssc_ros.networks.sparse.norm import SiteBatchNorm
from ssc_ros.networks.sparse.pool import at_parents, block_mean
from ssc_ros.networks.sparse.volume import SparseVolume

SCALES = (2, 4, 6, 8)
"""Edges of the blocks [voxels] whose means are the context of a voxel."""
SLOPE = 0.1
"""Of the leaky ReLU below zero."""


class SparseResidualBlock(nn.Module):
    """Two 3x3x3 submanifold convolutions around a linear shortcut; the active voxels stay the same."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.shortcut = nn.Sequential(nn.Linear(in_channels, out_channels, bias=False), SiteBatchNorm(out_channels))
        self.first = SubmanifoldConv3d(in_channels, out_channels, bias=False)
        self.first_norm = SiteBatchNorm(out_channels)
        self.second = SubmanifoldConv3d(out_channels, out_channels, bias=False)
        self.second_norm = SiteBatchNorm(out_channels)

    def forward(self, volume: SparseVolume) -> SparseVolume:
        """[N, in_channels] -> [N, out_channels]."""
        hidden = functional.leaky_relu(self.first_norm(self.first(volume).features), SLOPE)
        body = self.second_norm(self.second(volume.replaced(hidden)).features)
        return volume.replaced(functional.leaky_relu(body + self.shortcut(volume.features), SLOPE))


class MultiScaleFusion(nn.Module):
    """Each voxel joins the means of the blocks around it, gated by what all of them say together.

    The published block has one more layer for the choice of scale, which is never called and so is not here.

    Args:
        in_channels, out_channels: channels.
        width: of the hidden features.
        scales: edges of the blocks [voxels].
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, scales: Sequence[int] = SCALES) -> None:
        super().__init__()
        self.scales, half = tuple(scales), width // 2
        self.reduce = nn.Linear(in_channels, width)
        self.describe = nn.ModuleList(nn.Linear(width, half) for _ in scales)
        self.common = nn.Linear(half, half, bias=False)
        self.gates = nn.ModuleList(nn.Linear(half, half) for _ in scales)
        self.expand = nn.Linear(half, width, bias=False)
        self.merge = nn.Sequential(
            nn.Linear(2 * width, width, bias=False), nn.ReLU(inplace=True), nn.Linear(width, out_channels)
        )

    def forward(self, volume: SparseVolume) -> SparseVolume:
        """[N, in_channels] -> [N, out_channels]."""
        reduced = volume.replaced(functional.relu(self.reduce(volume.features)))
        contexts = []
        for scale, describe in zip(self.scales, self.describe, strict=True):
            blocks = block_mean(reduced, scale)
            described = blocks.replaced(functional.relu(describe(blocks.features)))
            contexts.append(at_parents(described, volume.sites, scale))
        common = functional.relu(self.common(torch.stack(contexts).sum(dim=0)))
        gated: list[Tensor] = [c * gate(common).sigmoid() for c, gate in zip(contexts, self.gates, strict=True)]
        context = self.expand(torch.stack(gated).sum(dim=0))
        return volume.replaced(self.merge(torch.cat([reduced.features, context.to(reduced.features)], dim=1)))
