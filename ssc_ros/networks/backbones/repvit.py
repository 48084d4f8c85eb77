"""RepViT, a pure convolutional network in the form of a vision transformer (Wang et al., CVPR 2024)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.reparameterize import Reparameterized, absorb_norm

EXPANSION, SQUEEZE = 2, 4
"""Channels inside of a channel mixer, and how many times fewer inside of a gate."""

FIRST_GAIN = 0.1
"""Of the last norm in a residual branch before training: close to the identity, but not deaf to gradients as at 0."""


class ConvNorm(Reparameterized):
    """Convolution that keeps the size at stride 1, and batch norm; fused, one convolution."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, groups: int = 1, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        nn.init.constant_(self.norm.weight, gain)

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, H, W] -> [B, out_channels, H / stride, W / stride]."""
        return self.norm(self.conv(x))

    def fused(self) -> nn.Conv2d:
        """The convolution with the norm in its weights."""
        return absorb_norm(self.conv, self.norm)


class DepthwiseMixer(Reparameterized):
    """Each channel by itself: a 3x3 convolution, a 1x1 convolution and the identity, added; fused, one convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wide = ConvNorm(channels, channels, 3, groups=channels)
        self.point = nn.Conv2d(channels, channels, 1, groups=channels)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same."""
        assert self.point.bias is not None
        # a 1x1 convolution of each channel, which torch would do channel by channel on one thread
        point = x * self.point.weight[:, 0] + self.point.bias[:, None, None]
        return self.norm(self.wide(x) + point + x)

    def fused(self) -> nn.Conv2d:
        """The three branches in one kernel: what looks at one pixel is a 3x3 kernel of zeros around it."""
        kernel = self.wide.fused()
        assert kernel.bias is not None
        assert self.point.bias is not None
        with torch.no_grad():
            kernel.weight += functional.pad(self.point.weight + 1, [1, 1, 1, 1])
            kernel.bias += self.point.bias
        return absorb_norm(kernel, self.norm)


class Gate(nn.Module):
    """Squeeze and excitation (Hu et al. 2018): each channel is scaled into 0..1 by what the whole image shows."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = -(-channels // SQUEEZE // 8) * 8  # up to a multiple of eight
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same."""
        return x * self.gate(x)


class ChannelMixer(nn.Module):
    """Each pixel by itself: out to twice the channels and back, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = EXPANSION * channels
        self.body = nn.Sequential(ConvNorm(channels, hidden), nn.GELU(), ConvNorm(hidden, channels, gain=FIRST_GAIN))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same."""
        return x + self.body(x)


def block(channels: int, *, gate: bool) -> nn.Sequential:
    """Mix pixels, then channels: [B, C, H, W] -> the same."""
    mixers = [DepthwiseMixer(channels), Gate(channels), ChannelMixer(channels)]
    return nn.Sequential(*(mixer for mixer in mixers if gate or not isinstance(mixer, Gate)))


def halving(in_channels: int, out_channels: int) -> nn.Sequential:
    """[B, in_channels, H, W] -> [B, out_channels, H / 2, W / 2]."""
    return nn.Sequential(
        ConvNorm(in_channels, in_channels, 3, 2, groups=in_channels),
        ConvNorm(in_channels, out_channels),
        ChannelMixer(out_channels),
    )


class RepViT(nn.Module):
    """Feature pyramid; every stage after the first halves the size.

    Args:
        widths: channels of the stages.
        blocks: of each stage, without the one that halves; every other block has a gate, but never the last.
        stride: of the stem, 2 or 4.
        early: how many blocks before the end of its stage a level is read, the last stage's always at its end. The
            authors read theirs one block early where the network serves dense prediction.
    """

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], stride: int = 4, early: int = 0) -> None:
        super().__init__()
        self.widths = tuple(widths)
        """Channels of the pyramid."""
        self.stem = nn.Sequential(
            ConvNorm(3, widths[0] // 2, 3, 2), nn.GELU(), ConvNorm(widths[0] // 2, widths[0], 3, stride // 2)
        )
        entries = [nn.Identity(), *(halving(a, b) for a, b in itertools.pairwise(widths))]
        stages = [
            [entry, *(block(width, gate=i % 2 == 0 and i < count - 1) for i in range(count))]
            for entry, width, count in zip(entries, widths, blocks, strict=True)
        ]
        ends = [len(stage) - early for stage in stages[:-1]] + [len(stages[-1])]
        self.before = nn.ModuleList(nn.Sequential(*stage[:end]) for stage, end in zip(stages, ends, strict=True))
        self.after = nn.ModuleList(nn.Sequential(*stage[end:]) for stage, end in zip(stages, ends, strict=True))

    def forward(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] -> one [B, widths[i], H / stride / 2^i, W / stride / 2^i] for each stage i, finest first."""
        x = self.stem(image)
        pyramid = []
        for before, after in zip(self.before, self.after, strict=True):
            pyramid.append(before(x))
            x = after(pyramid[-1])
        return pyramid


def repvit_m2_3() -> RepViT:
    """The largest of the paper's table, for dense prediction."""
    return RepViT((80, 160, 320, 640), (7, 7, 35, 2), early=1)
