"""Cross-frame affinity: how well the current image agrees with the past, at each depth (HTCL, Li et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

DILATIONS = (1, 2, 4)
"""Of the learners: each looks at a pattern of another size."""


class PatternLearners(nn.Module):
    """Independent convolutions side by side, each for patterns of its own size: [B, C, ...] -> [B, N * width, ...].

    Args:
        dimensions: 2 for images, 3 for volumes; those of volumes have an activation and a norm over the whole volume.
        channels: C.
        width: channels that each of the N learners contributes.
        dilations: one for each learner.
    """

    def __init__(self, dimensions: int, channels: int, width: int = 1, dilations: Sequence[int] = DILATIONS) -> None:
        super().__init__()
        convolution = {2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
        convolutions = [convolution(channels, width, 3, padding=d, dilation=d) for d in dilations]
        self.learners = nn.ModuleList(
            c if dimensions == 2 else nn.Sequential(c, nn.GELU(), nn.GroupNorm(1, width)) for c in convolutions
        )

    def forward(self, x: Tensor) -> Tensor:
        """Learn patterns."""
        return torch.cat([learner(x) for learner in self.learners], dim=1)


def isolate(patterns: Tensor) -> Tensor:
    """Scale-aware isolation: what a pattern [B, N, ...] has beyond the mean of all N at its place."""
    return patterns - patterns.mean(dim=1, keepdim=True)


class CrossFrameAffinity(nn.Module):
    """Cosine between the isolated patterns of the current image and of the swept past, at each pixel and depth.

    Args:
        matched: channels of the current features.
        swept: channels of the swept past, all frames together.
        width: patterns of each learner.
    """

    def __init__(self, matched: int, swept: int, width: int = 1) -> None:
        super().__init__()
        self.current = PatternLearners(2, matched, width)
        self.past = PatternLearners(3, swept, width)

    def forward(self, current: Tensor, past: Tensor) -> Tensor:
        """[B, M, h, w] and [B, S, D, h, w] -> [B, 1, D, h, w] in -1..1."""
        ours, theirs = isolate(self.current(current)).float()[:, :, None], isolate(self.past(past)).float()
        return functional.cosine_similarity(ours, theirs, dim=1, eps=1e-6)[:, None]
