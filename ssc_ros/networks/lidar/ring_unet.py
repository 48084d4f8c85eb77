"""A U-Net on a map of range and azimuth, whose two ends of azimuth are neighbours (PolarNet, Zhang et al. 2020)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.reparameterize import Reparameterized, absorb_norm


class RingConv(Reparameterized):
    """3 x 3 convolution, batch norm and leaky ReLU on [B, C, R, A]; zeros beyond the ranges, azimuth closes."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=(1, 0))
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return functional.leaky_relu(self.norm(self.conv(closed(x))), inplace=True)

    def fused(self) -> nn.Module:
        """The twin without a norm."""
        return _FusedRingConv(absorb_norm(self.conv, self.norm))


class _FusedRingConv(nn.Module):
    """Closes the ring behind the convolution: at the seam it is calculated again, which copies no map."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.conv.weight, self.conv.bias
        result = functional.conv2d(x, weight, bias, padding=1)
        seam = torch.cat([x[..., -2:], x[..., :2]], dim=-1)
        result[..., [-1, 0]] = functional.conv2d(seam, weight, bias, padding=(1, 0))
        return functional.leaky_relu(result, inplace=True)


def closed(x: Tensor) -> Tensor:
    """[..., A] -> [..., A + 2]: a cell of each end before and behind the other."""
    return torch.cat([x[..., -1:], x, x[..., :1]], dim=-1)


class DropBlock(nn.Module):
    """Zero square blocks of a map in training, and raise what is left (Ghiasi et al. 2018).

    Args:
        size: cells along an edge of a block, odd.
        share: of the map that is dropped, about.
    """

    def __init__(self, size: int = 7, share: float = 0.5) -> None:
        super().__init__()
        self.size, self.share = size, share

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, R, A] -> the same; all channels of a sample lose the same cells."""
        if not self.training or not self.share:
            return x
        centers = torch.rand(len(x), 1, *x.shape[2:], device=x.device) < self.share / self.size**2
        kept = 1 - functional.max_pool2d(centers.to(x.dtype), self.size, 1, self.size // 2)
        return x * kept * (kept.numel() / kept.sum().clamp_min(1))


class RingUNet(nn.Module):
    """[B, C, R, A] -> features of the same size, and those of each level.

    Args:
        in_channels: C.
        widths: channels at full size and after each way down, which halves the map.
        ups: channels after each way up, finest first; as many as ways down.
        drop: share of each way up that is dropped in training, in blocks of 7 x 7.
    """

    def __init__(self, in_channels: int, widths: Sequence[int], ups: Sequence[int], drop: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.entry = _pair(in_channels, widths[0])
        self.downs = nn.ModuleList(nn.Sequential(nn.MaxPool2d(2), *_pair(a, b)) for a, b in itertools.pairwise(widths))
        below = (*ups[1:], widths[-1])
        self.ups = nn.ModuleList(
            nn.Sequential(*_pair(a + skip, b), DropBlock(share=drop))
            for a, skip, b in zip(below, widths, ups, strict=False)
        )

    def forward(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """What each way down ends with, and each way up; finest first, both."""
        levels = [self.entry(self.norm(x))]
        for down in self.downs:
            levels.append(down(levels[-1]))
        ups: list[Tensor] = []
        for up, skip in zip(reversed(self.ups), reversed(levels[:-1]), strict=True):
            below = ups[0] if ups else levels[-1]
            with torch.autocast("cpu", enabled=False):  # it would take the map to single precision
                grown = functional.interpolate(below, size=skip.shape[2:], mode="bilinear", align_corners=True)
            ups.insert(0, up(torch.cat([skip, grown], dim=1)))
        return levels[1:], ups


def _pair(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(RingConv(in_channels, out_channels), RingConv(out_channels, out_channels))
