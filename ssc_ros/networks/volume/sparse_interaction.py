"""Sparse semantic interaction (VLScene): a U-Net on the voxels that matter, after Cylinder3D (Zhu et al. 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.networks.sparse.conv import InverseConv3d, SparseConv3d, SubmanifoldConv3d
from ssc_ros.networks.sparse.norm import SiteBatchNorm
from ssc_ros.networks.sparse.sites import Sites, Triple
from ssc_ros.networks.sparse.volume import SparseVolume

ALONG, ACROSS = (1, 3, 3), (3, 1, 3)
"""Kernels that see a street along its length and height, or along its width and height."""


def strongest(volume: Tensor, fraction: float) -> Tensor:
    """The voxels of the largest features.

    Args:
        volume: [B, C, X, Y, Z].
        fraction: of each sample's voxels, the same number in all of them.

    Returns:
        [B, K] int64, ascending: flat indices into (X, Y, Z) of those with the largest sums of absolute values.
    """
    strength = volume.detach().flatten(2).abs().sum(dim=1, dtype=torch.float32)
    count = max(1, round(fraction * strength.shape[1]))
    return strength.topk(count, sorted=False).indices.sort(dim=1).values


def take(volume: Tensor, chosen: Tensor) -> SparseVolume:
    """The voxels [B, K] of [B, C, X, Y, Z], as `strongest` chooses them."""
    batch, channels, x, y, z = volume.shape
    first = x * y * z * torch.arange(batch, device=chosen.device)[:, None]
    # gathered channel by channel: a row for each voxel would take a transposed copy of the volume
    features = volume.flatten(2).gather(2, chosen[:, None].expand(-1, channels, -1))
    return SparseVolume(features.transpose(1, 2).flatten(0, 1), Sites((chosen + first).flatten(), (x, y, z), batch))


def add(volume: Tensor, chosen: Tensor, features: Tensor) -> Tensor:
    """[B, C, X, Y, Z] with [B K, C] features added at the voxels [B, K]."""
    rows = features.to(volume).unflatten(0, chosen.shape).transpose(1, 2)
    return volume.flatten(2).scatter_add(2, chosen[:, None].expand_as(rows), rows).view_as(volume)


class SparseUnit(nn.Module):
    """Submanifold convolution, leaky ReLU and batch norm, in that order."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple) -> None:
        super().__init__()
        self.conv = SubmanifoldConv3d(inputs, outputs, kernel, bias=False)
        self.after = nn.Sequential(nn.LeakyReLU(), SiteBatchNorm(outputs))

    def forward(self, volume: SparseVolume) -> SparseVolume:
        """Features [N, inputs] -> [N, outputs]."""
        volume = self.conv(volume)
        return volume.replaced(self.after(volume.features))


class AsymmetricBlock(nn.Module):
    """Flat kernels across one horizontal axis, beside as many across the other: [N, inputs] -> [N, outputs]."""

    def __init__(self, inputs: int, outputs: int, units: int) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            nn.Sequential(*(SparseUnit(outputs if i else inputs, outputs, kernel) for i in range(units)))
            for kernel in (ALONG, ACROSS)
        )

    def forward(self, volume: SparseVolume) -> SparseVolume:
        """Apply the block."""
        along, across = (path(volume) for path in self.paths)
        return along.replaced(along.features + across.features)


class UpBlock(nn.Module):
    """Back to the finer sites, and on with what was known there: [M, inputs] and [N, outputs] -> [N, outputs]."""

    def __init__(self, inputs: int, outputs: int, units: int) -> None:
        super().__init__()
        self.entry = SparseUnit(inputs, outputs, (3, 3, 3))
        self.grow = InverseConv3d(outputs, outputs, bias=False)
        self.exit = nn.Sequential(*(SparseUnit(outputs, outputs, ALONG) for _ in range(units)))

    def forward(self, coarse: SparseVolume, skip: SparseVolume) -> SparseVolume:
        """Apply the block."""
        grown = self.grow(self.entry(coarse), skip.sites)
        return self.exit(grown.replaced(grown.features + skip.features))


class AxisGate(nn.Module):
    """Dimension-decomposed context: each axis by itself says how much of a voxel counts; the three add up.

    (The published code applies norm and sigmoid to the first axis three times, and to the others never.)
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
    """Down twice by two and back: [N, inputs] -> [N, outputs].

    Args:
        inputs: channels.
        widths: channels at full, half and quarter size.
        units: convolutions in each path of the way down; the way up has one more in each block.
    """

    def __init__(self, inputs: int, widths: Triple, units: int = 2) -> None:
        super().__init__()
        full, half, quarter = widths
        self.outputs = 2 * half
        """Channels of the result: the last features and what their axes gate of them."""
        self.context = AsymmetricBlock(inputs, full, units)
        self.blocks = nn.ModuleList([AsymmetricBlock(full, half, units), AsymmetricBlock(half, quarter, units)])
        self.downs = nn.ModuleList(SparseConv3d(n, n, bias=False) for n in (half, quarter))
        self.ups = nn.ModuleList([UpBlock(quarter, half, units + 1), UpBlock(quarter, quarter, units + 1)])
        self.gate = AxisGate(half)

    def forward(self, volume: SparseVolume) -> SparseVolume:
        """Apply the network."""
        x, skips = self.context(volume), []
        for block, down in zip(self.blocks, self.downs, strict=True):
            skips.append(block(x))
            x = down(skips[-1])
        for up, skip in zip(reversed(self.ups), reversed(skips), strict=True):
            x = up(x, skip)
        return x.replaced(torch.cat([self.gate(x).features, x.features], dim=1))


class SparseInteraction(nn.Module):
    """A network on the strongest voxels of a volume.

    The published one takes every voxel that is not zero, which are three quarters of them.

    Args:
        network: on features [N, C] of the sites.
        fraction: of the voxels that it sees.
        merge: [N, O] -> [N, C], added to the volume; without it, as published, all other voxels become zero.
    """

    def __init__(self, network: SparseUNet, fraction: float, merge: nn.Module | None = None) -> None:
        super().__init__()
        self.network, self.fraction, self.merge = network, fraction, merge

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> [B, O, X, Y, Z], or C channels with `merge`."""
        chosen = strongest(volume, self.fraction)
        refined = self.network(take(volume, chosen))
        return refined.dense() if self.merge is None else add(volume, chosen, self.merge(refined.features))
