"""The asymmetrical U-Net on active voxels of Cylinder3D (Zhu et al., CVPR 2021), which VLScene shares."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ssc_ros.networks.sparse.conv import InverseConv3d, SparseConv3d, SubmanifoldConv3d
from ssc_ros.networks.sparse.norm import SiteBatchNorm
from ssc_ros.networks.sparse.sites import Triple
from ssc_ros.networks.sparse.volume import SparseVolume

ALONG, ACROSS, CUBE = (1, 3, 3), (3, 1, 3), (3, 3, 3)
"""Kernels that see across the second axis and height, across the first axis and height, and all around."""
HALF = (2, 2, 2)


class SparseUnit(nn.Module):
    """Submanifold convolution, leaky ReLU and batch norm, in that order."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Triple) -> None:
        super().__init__()
        self.conv = SubmanifoldConv3d(in_channels, out_channels, kernel, bias=False)
        self.after = nn.Sequential(nn.LeakyReLU(), SiteBatchNorm(out_channels))

    def forward(self, volume: SparseVolume) -> SparseVolume:
        """Features [N, in_channels] -> [N, out_channels]."""
        volume = self.conv(volume)
        return volume.replaced(self.after(volume.features))


class AsymmetricBlock(nn.Module):
    """Two paths of flat kernels side by side: [N, in_channels] -> [N, out_channels].

    Args:
        in_channels, out_channels: channels.
        paths: kernels of each path, in their order.
    """

    def __init__(self, in_channels: int, out_channels: int, paths: Sequence[Sequence[Triple]]) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            nn.Sequential(
                *(SparseUnit(out_channels if i else in_channels, out_channels, kernel) for i, kernel in enumerate(path))
            )
            for path in paths
        )

    def forward(self, volume: SparseVolume) -> SparseVolume:
        """Apply the block."""
        one, other = (path(volume) for path in self.paths)
        return one.replaced(one.features + other.features)


class UpBlock(nn.Module):
    """Back to the finer sites, and on with what was known there.

    Features [M, in_channels] of the coarse sites and [N, out_channels] of the fine ones -> [N, out_channels].

    Args:
        in_channels, out_channels: channels.
        kernels: of the convolutions on the finer sites.
        stride: of the way down to the coarser ones.
    """

    def __init__(self, in_channels: int, out_channels: int, kernels: Sequence[Triple], stride: Triple = HALF) -> None:
        super().__init__()
        self.entry = SparseUnit(in_channels, out_channels, CUBE)
        self.grow = InverseConv3d(out_channels, out_channels, stride=stride, bias=False)
        self.exit = nn.Sequential(*(SparseUnit(out_channels, out_channels, kernel) for kernel in kernels))

    def forward(self, coarse: SparseVolume, skip: SparseVolume) -> SparseVolume:
        """Apply the block."""
        grown = self.grow(self.entry(coarse), skip.sites)
        return self.exit(grown.replaced(grown.features + skip.features))


class AxisGate(nn.Module):
    """Dimension-decomposed context: each axis by itself says how much of a voxel counts; the three add up.

    (The code that VLScene publishes applies norm and sigmoid to the first axis three times, and to the others never.)
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            SubmanifoldConv3d(channels, channels, kernel, bias=False) for kernel in ((3, 1, 1), (1, 3, 1), (1, 1, 3))
        )
        self.norms = nn.ModuleList(SiteBatchNorm(channels) for _ in range(3))

    def forward(self, volume: SparseVolume) -> SparseVolume:
        """Features [N, C] -> the same."""
        axes = [norm(conv(volume).features).sigmoid() for conv, norm in zip(self.convs, self.norms, strict=True)]
        return volume.replaced(torch.stack(axes).sum(dim=0) * volume.features)


class SparseUNet(nn.Module):
    """Down and back up to the sites it came from: [N, in_channels] -> [N, out_channels].

    Args:
        in_channels: channels.
        widths: channels of the first block, then of the block before each way down.
        paths: kernels of the two paths of a block.
        exits: kernels at the end of each way up.
        strides: of each way down; all halve unless told.
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        paths: Sequence[Sequence[Triple]],
        exits: Sequence[Triple],
        strides: Sequence[Triple] | None = None,
    ) -> None:
        super().__init__()
        first, *deeper = widths
        strides = strides or [HALF] * len(deeper)
        below = [*deeper[1:], deeper[-1]]
        self.out_channels = 2 * deeper[0]
        """Channels of the result: the last features and what their axes gate of them."""
        self.context = AsymmetricBlock(in_channels, first, paths)
        self.blocks = nn.ModuleList(AsymmetricBlock(a, b, paths) for a, b in zip(widths, deeper, strict=False))
        self.downs = nn.ModuleList(
            SparseConv3d(n, n, stride=s, bias=False) for n, s in zip(deeper, strides, strict=True)
        )
        self.ups = nn.ModuleList(UpBlock(a, b, exits, s) for a, b, s in zip(below, deeper, strides, strict=True))
        self.gate = AxisGate(deeper[0])

    def forward(self, volume: SparseVolume) -> SparseVolume:
        """Apply the network."""
        return self.gated(self.stages(volume)[1][0])

    def stages(self, volume: SparseVolume) -> tuple[list[SparseVolume], list[SparseVolume]]:
        """What each way down ends with, and each way up; finest first, both."""
        x, skips, downs = self.context(volume), [], []
        for block, down in zip(self.blocks, self.downs, strict=True):
            skips.append(block(x))
            x = down(skips[-1])
            downs.append(x)
        ups: list[SparseVolume] = []
        for up, skip in zip(reversed(self.ups), reversed(skips), strict=True):
            x = up(x, skip)
            ups.insert(0, x)
        return downs, ups

    def gated(self, volume: SparseVolume) -> SparseVolume:
        """[N, C] -> [N, out_channels]: the features, and what their axes gate of them before."""
        return volume.replaced(torch.cat([self.gate(volume).features, volume.features], dim=1))


def repeated(units: int) -> tuple[tuple[tuple[Triple, ...], tuple[Triple, ...]], tuple[Triple, ...]]:
    """VLScene's kernels: paths of `units` of one kind each, and one more of them at the end of a way up."""
    return ((ALONG,) * units, (ACROSS,) * units), (ALONG,) * (units + 1)
