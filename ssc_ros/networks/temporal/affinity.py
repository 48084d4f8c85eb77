"""Cross-frame affinity: how well the current image agrees with the past, at each depth (HTCL, Li et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ssc_ros.networks.volume.blocks import PlaneConv3d

DILATIONS = (1, 2, 4)
"""Of the learners: each looks at a pattern of another size."""


Learner = Callable[[int, int, int], nn.Module]
"""Channels, channels of the patterns, dilation -> what learns patterns of one size."""


class PatternLearners(nn.Module):
    """Independent learners side by side, each for patterns of its own size: [B, C, ...] -> [B, N * width, ...].

    Args:
        learner: makes one of (channels, out_channels, dilation).
        channels: C.
        width: channels that each of the N learners contributes.
        dilations: one for each learner.
    """

    def __init__(self, learner: Learner, channels: int, width: int, dilations: Sequence[int] = DILATIONS) -> None:
        super().__init__()
        self.learners = nn.ModuleList(learner(channels, width, dilation) for dilation in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """Learn patterns."""
        return torch.cat([learner(x) for learner in self.learners], dim=1)


def of_image(channels: int, width: int, dilation: int) -> nn.Module:
    """A learner of patterns in [B, C, h, w]."""
    return nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation)


def of_volume(channels: int, width: int, dilation: int) -> nn.Module:
    """A learner of patterns in [B, C, D, h, w]."""
    convolution = nn.Conv3d(channels, width, 3, padding=dilation, dilation=dilation)
    return nn.Sequential(convolution, nn.GELU(), nn.GroupNorm(1, width))


def of_planes(channels: int, width: int, dilation: int) -> nn.Module:
    """The same, which looks at each depth by itself."""
    return nn.Sequential(PlaneConv3d(channels, width, dilation), nn.GELU(), nn.GroupNorm(1, width))


def isolate(patterns: Tensor) -> Tensor:
    """Scale-aware isolation: what a pattern [B, N, ...] has beyond the mean of all N at its place."""
    return patterns - patterns.mean(dim=1, keepdim=True)


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Between vectors along the first dimension behind the batch, which stays with length 1."""
    lengths = (a.square().sum(dim=1, keepdim=True) * b.square().sum(dim=1, keepdim=True)).clamp(min=TINY).sqrt()
    return (a * b).sum(dim=1, keepdim=True) / lengths


TINY = 1e-12
"""Product of squared lengths of patterns that say nothing."""


class CrossFrameAffinity(nn.Module):
    """Cosine between the isolated patterns of the current image and of the swept past, at each pixel and depth.

    Args:
        matched: channels of the current features.
        swept: channels of the swept past, all frames together.
        width: patterns of each learner.
        learner: of the past, `of_volume` or `of_planes`.
    """

    def __init__(
        self,
        matched: int,
        swept: int,
        width: int = 1,
        learner: Learner = of_volume,
    ) -> None:
        super().__init__()
        self.current = PatternLearners(of_image, matched, width)
        self.past = PatternLearners(learner, swept, width)

    def forward(self, current: Tensor, past: Tensor) -> Tensor:
        """[B, M, h, w] and [B, S, D, h, w] -> [B, 1, D, h, w] in -1..1."""
        return cosine(isolate(self.current(current)).float()[:, :, None], isolate(self.past(past)).float())
