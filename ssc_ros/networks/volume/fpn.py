"""A feature pyramid network on volumes, reduced to its finest level (L2COcc's voxel neck, after Lin et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.volume.blocks import conv_group_norm_3d


class Fpn3d(nn.Module):
    """Top-down: enlarge, concatenate with the next finer level, 1x1x1 and 3x3x3 convolution.

    Args:
        channels: of every level and of the result.
        levels: of the pyramid.
    """

    def __init__(self, channels: int, levels: int = 3) -> None:
        super().__init__()
        self.merges = nn.ModuleList(
            nn.Sequential(conv_group_norm_3d(2 * channels, channels, 1), conv_group_norm_3d(channels, channels))
            for _ in range(levels - 1)
        )

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Pyramid (finest first) -> [B, C, X, Y, Z] at the size of its finest level."""
        volume = pyramid[-1]
        for finer, merge in zip(reversed(pyramid[:-1]), self.merges, strict=True):
            size = finer.shape[-3:]
            volume = functional.interpolate(volume, size=size, mode="trilinear", align_corners=False)
            volume = merge(torch.cat([finer, volume], dim=1))
        return volume
