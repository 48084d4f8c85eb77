"""Semantic diffusion (Mei et al., SGN, IEEE TIP 2024): anisotropic convolutions that mix kernels voxel by voxel.

SGN completes its scene with it, and so does VLScene. The anisotropic block is that of AIC-Net (Li et al., CVPR 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.volume.blocks import AxialConv3d, Pointwise3d

KERNELS = (3, 5, 7)
AXES = (2, 1, 0)
"""The passes: along Z, then Y, then X."""


class AxisConv3d(nn.Module):
    """One-dimensional convolutions of several sizes along one axis, mixed voxel by voxel.

    Args:
        axis: of (X, Y, Z).
        channels: of the volume.
        kernels: the sizes, odd.
    """

    def __init__(self, axis: int, channels: int, kernels: Sequence[int]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(AxialConv3d(channels, kernel, axis) for kernel in kernels)

    def forward(self, volume: Tensor, weights: Tensor) -> Tensor:
        """[B, C, X, Y, Z] and the kernels' weights [B, K, X, Y, Z] -> [B, C, X, Y, Z]."""
        mixed = torch.zeros_like(volume)
        for convolution, weight in zip(self.convolutions, weights.to(volume).split(1, dim=1), strict=True):
            mixed = torch.addcmul(mixed, functional.relu(convolution(volume)).to(volume), weight)
        return mixed


class AnisotropicConv3d(nn.Module):
    """MPAC, one-dimensional convolutions along each axis in turn, each a mixture of several kernel sizes.

    Every voxel chooses, axis by axis, how far it looks: the softmax of a projection of the input weighs the kernels.

    Args:
        channels: of the volume.
        kernels: the sizes to choose from, odd.
    """

    def __init__(self, channels: int, kernels: Sequence[int] = KERNELS) -> None:
        super().__init__()
        self.mixture = Pointwise3d(channels, len(AXES) * len(kernels), bias=False)
        self.passes = nn.ModuleList(AxisConv3d(axis, channels, kernels) for axis in AXES)

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> the same; the input is added before the last ReLU."""
        mixture = self.mixture(volume).unflatten(1, (len(AXES), -1)).softmax(dim=2)
        passed = volume
        for along, weights in zip(self.passes, mixture.unbind(1), strict=True):
            passed = along(passed, weights)
        return functional.relu(passed + volume)


class Aspp3d(nn.Module):
    """Three dilated convolutions side by side, merged (after Chen et al. 2018).

    Args:
        channels: of the volume.
        hidden: of the convolutions.
        dilations: of the convolutions.
    """

    def __init__(self, channels: int, hidden: int, dilations: Sequence[int] = (1, 2, 4)) -> None:
        super().__init__()
        self.reduce = Pointwise3d(channels, hidden)
        self.dilated = nn.ModuleList(nn.Conv3d(hidden, hidden, 3, padding=d, dilation=d) for d in dilations)
        self.merge = Pointwise3d(hidden * len(dilations), channels)

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> the same."""
        reduced = self.reduce(volume)
        return functional.relu(self.merge(torch.cat([convolution(reduced) for convolution in self.dilated], dim=1)))


class SemanticDiffusion(nn.Module):
    """SDB, a convolution to the width, anisotropic blocks, dilated convolutions: [B, I, X, Y, Z] -> [B, O, X, Y, Z].

    Args:
        in_channels, out_channels: channels I and O.
        depth: number of anisotropic blocks; 3 in SGN, 2 in VLScene, 1 in SGN's auxiliary head.
        hidden: channels of the dilated convolutions, half of O by default.
        kernels: that the anisotropic blocks choose from.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        depth: int,
        hidden: int | None = None,
        kernels: Sequence[int] = KERNELS,
    ) -> None:
        super().__init__()
        self.entry = nn.Conv3d(in_channels, out_channels, 3, padding=1)
        self.diffusion = nn.Sequential(*(AnisotropicConv3d(out_channels, kernels) for _ in range(depth)))
        self.aspp = Aspp3d(out_channels, hidden or out_channels // 2)

    def forward(self, volume: Tensor) -> Tensor:
        """Complete a volume."""
        completed: Tensor = self.aspp(self.diffusion(self.entry(volume)))
        return completed
