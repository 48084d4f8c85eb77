"""Completion seen from above, height as channels, and a small volumetric head (after LMSCNet, Roldao et al. 2020)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.volume.blocks import Pointwise3d

OCCUPIED = 0.1
"""Share of the half-resolution voxels that an untrained head takes for occupied, about what streets have. Without that
prior it would propose either nothing or everything, and everything is expensive."""


class BirdEyeUNet(nn.Module):
    """[B, Z, X, Y] with Z heights as channels -> [B, Z / 2, X / 2, Y / 2], that of half the resolution.

    Convolutions on four levels of 1, 1.5, 2 and 2.5 Z channels. The paths up are narrow: they carry the few heights of
    their own coarser grid.

    Args:
        height: Z, a multiple of 8.
        norm: follow each convolution but the last of a path by a batch norm. The published network has none; trained
            together with the others, at a learning rate that suits those, most of its channels die and it proposes
            nothing.
    """

    def __init__(self, height: int, *, norm: bool = False) -> None:
        super().__init__()
        full, half, quarter, eighth = (height * n // 2 for n in (2, 3, 4, 5))
        low, middle = height // 8, height // 4
        self.at_full = _two_convolutions(height, full, norm)
        self.at_half = _two_convolutions(full, half, norm)
        self.at_quarter = _two_convolutions(half, quarter, norm)
        self.at_eighth = _two_convolutions(quarter, eighth, norm)
        self.out_eighth = nn.Conv2d(eighth, low, 3, padding=1)
        self.eighth_to_quarter = nn.ConvTranspose2d(low, low, 6, 2, padding=2)
        self.eighth_to_half = nn.ConvTranspose2d(low, low, 4, 4)
        self.merge_quarter = nn.Sequential(*_convolution(quarter + low, quarter, norm))
        self.out_quarter = nn.Conv2d(quarter, middle, 3, padding=1)
        self.quarter_to_half = nn.ConvTranspose2d(middle, middle, 6, 2, padding=2)
        self.merge_half = nn.Sequential(*_convolution(half + middle + low, half, norm))
        self.out_half = nn.Conv2d(half, height // 2, 3, padding=1)

    def forward(self, heights: Tensor) -> Tensor:
        """Complete."""
        half = self.at_half(functional.max_pool2d(self.at_full(heights), 2))
        quarter = self.at_quarter(functional.max_pool2d(half, 2))
        low = self.out_eighth(self.at_eighth(functional.max_pool2d(quarter, 2)))
        merged = self.merge_quarter(torch.cat([self.eighth_to_quarter(low), quarter], dim=1))
        middle = self.quarter_to_half(self.out_quarter(merged))
        merged = self.merge_half(torch.cat([middle, half, self.eighth_to_half(low)], dim=1))
        completed: Tensor = self.out_half(merged)
        return completed


def _two_convolutions(in_channels: int, out_channels: int, norm: bool) -> nn.Sequential:
    return nn.Sequential(
        *_convolution(in_channels, out_channels, norm), *_convolution(out_channels, out_channels, norm)
    )


def _convolution(in_channels: int, out_channels: int, norm: bool) -> list[nn.Module]:
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=not norm)
    return [convolution, *([nn.BatchNorm2d(out_channels)] if norm else []), nn.ReLU(inplace=True)]


class OccupancyHead(nn.Module):
    """[B, X, Y, Z] evidence -> logits of "not empty" [B, X, Y, Z], and features [B, C, X, Y, Z] that guide others.

    Args:
        channels: C.
        dilations: of the branches of two convolutions each, whose sum is added to their input; none for no branches.
        logits: [B, C, X, Y, Z] -> [B, 1, X, Y, Z] with a bias, a 3x3x3 convolution by default.
    """

    def __init__(
        self, channels: int = 8, dilations: Sequence[int] = (1, 2, 3), logits: nn.Conv3d | Pointwise3d | None = None
    ) -> None:
        super().__init__()
        self.channels = channels
        self.entry = nn.Conv3d(1, channels, 3, padding=1)
        self.branches = nn.ModuleList(_dilated(channels, d) for d in dilations)
        self.guidance = nn.Sequential(
            nn.Conv3d(channels, channels, 3, padding=1), nn.BatchNorm3d(channels), nn.ReLU(inplace=True)
        )
        self.occupancy = logits or nn.Conv3d(channels, 1, 3, padding=1)
        assert self.occupancy.bias is not None
        nn.init.constant_(self.occupancy.bias, math.log(OCCUPIED / (1 - OCCUPIED)))

    def forward(self, evidence: Tensor) -> tuple[Tensor, Tensor]:
        """Predict."""
        volume = functional.relu(self.entry(evidence[:, None]))
        if self.branches:
            context = torch.stack([branch(volume) for branch in self.branches]).sum(dim=0)
            volume = functional.relu(context + volume)
        return self.occupancy(volume)[:, 0], self.guidance(volume)


def _dilated(channels: int, dilation: int) -> nn.Sequential:
    first, second = (
        nn.Conv3d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False) for _ in range(2)
    )
    return nn.Sequential(first, nn.BatchNorm3d(channels), nn.ReLU(inplace=True), second, nn.BatchNorm3d(channels))
