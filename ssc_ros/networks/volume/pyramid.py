"""A residual network on volumes that widens as it coarsens, and the neck that stacks its levels (HTCL's trunk)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.chain import outputs_of_each
from ssc_ros.networks.volume.blocks import Norm, conv_norm_3d


class WideningBlock3d(nn.Module):
    """Two 3x3x3 convolutions around a shortcut, which is a 1x1x1 convolution where the shape changes.

    Args:
        in_channels, out_channels, stride: channels and step.
        norm: of each convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, norm: Norm = nn.BatchNorm3d) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_norm_3d(in_channels, out_channels, 3, stride, norm=norm),
            conv_norm_3d(out_channels, out_channels, relu=False, norm=norm),
        )
        same = in_channels == out_channels and stride == 1
        self.shortcut = (
            nn.Identity() if same else conv_norm_3d(in_channels, out_channels, 1, stride, relu=False, norm=norm)
        )

    def forward(self, volume: Tensor) -> Tensor:
        """[B, in_channels, X, Y, Z] -> [B, out_channels, X / stride, Y / stride, Z / stride]."""
        return functional.relu(self.body(volume) + self.shortcut(volume))


class WideningResNet3d(nn.Module):
    """Feature pyramid of a volume; of ResNet-18's depth with two blocks a stage (He et al. 2016).

    Args:
        in_channels: channels of the volume.
        widths: channels of each stage; the first keeps the size, each that follows halves it.
        blocks: of each stage.
        norm: of each convolution.
    """

    def __init__(self, in_channels: int, widths: Sequence[int], blocks: int = 2, norm: Norm = nn.BatchNorm3d) -> None:
        super().__init__()
        self.entry = conv_norm_3d(in_channels, widths[0], 1, norm=norm)
        steps = itertools.pairwise((widths[0], *widths))
        self.stages = nn.ModuleList(
            nn.Sequential(
                WideningBlock3d(a, b, 2 if stage else 1, norm),
                *(WideningBlock3d(b, b, norm=norm) for _ in range(blocks - 1)),
            )
            for stage, (a, b) in enumerate(steps)
        )

    def forward(self, volume: Tensor) -> list[Tensor]:
        """[B, C, X, Y, Z] -> one [B, widths[i], X / 2^i, Y / 2^i, Z / 2^i] for each stage i, finest first."""
        return outputs_of_each(self.stages, self.entry(volume))


class SecondFpn3d(nn.Module):
    """Each level grows to the finest one's size in one transposed convolution; all are stacked (Yan et al. 2018).

    Args:
        in_channels: channels of the levels, finest first; each is half as large as the one before.
        width: channels that each level contributes.
        norm: of each convolution.
    """

    def __init__(self, in_channels: Sequence[int], width: int, norm: Norm = nn.BatchNorm3d) -> None:
        super().__init__()
        self.out_channels = width * len(in_channels)
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose3d(channels, width, step, step, bias=False), norm(width), nn.ReLU(inplace=True)
            )
            for channels, step in ((c, 2**level) for level, c in enumerate(in_channels))
        )

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Pyramid, finest first -> [B, out_channels, X, Y, Z]."""
        return torch.cat([level(x) for level, x in zip(self.levels, pyramid, strict=True)], dim=1)
