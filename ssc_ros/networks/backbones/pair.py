"""Features of a stereo pair: what context is read from, and what the two images are matched by."""

from __future__ import annotations

import torch
from torch import Tensor, nn

PairFeatures = tuple[Tensor, Tensor, Tensor]
"""Of the left image, for context; then of the left and of the right one, for matching."""


class SharedFeatures(nn.Module):
    """One network for both images, in one batch, and one map for both purposes.

    Args:
        encoder: [B, 3, H, W] -> [B, F, h, w].
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, left: Tensor, right: Tensor) -> PairFeatures:
        """Two [B, 3, H, W] -> three [B, F, h, w], of which the first two are one."""
        ours, theirs = self.encoder(torch.cat([left, right])).chunk(2)
        return ours, ours, theirs


class SeparateFeatures(nn.Module):
    """Context from a deep network of the left image; matching by a shallow one of both, in one batch, which is finer.

    Args:
        encoder: [B, 3, H, W] -> [B, F, h, w].
        matcher: [B, 3, H, W] -> [B, M, h', w'].
    """

    def __init__(self, encoder: nn.Module, matcher: nn.Module) -> None:
        super().__init__()
        self.encoder, self.matcher = encoder, matcher

    def forward(self, left: Tensor, right: Tensor) -> PairFeatures:
        """Two [B, 3, H, W] -> [B, F, h, w] and two [B, M, h', w']."""
        ours, theirs = self.matcher(torch.cat([left, right])).chunk(2)
        return self.encoder(left), ours, theirs
