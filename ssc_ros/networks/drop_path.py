"""Stochastic depth: leave out a residual branch for a whole sample (Huang et al. 2016)."""

from __future__ import annotations

from torch import Tensor, nn


class DropPath(nn.Module):
    """In training, zero each sample with a probability and scale the others up so that the mean is kept.

    Args:
        probability: of leaving the branch out.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """[B, ...] -> the same; the identity outside of training."""
        if not self.training or self.probability == 0:
            return branch
        kept = branch.new_empty(len(branch), *[1] * (branch.dim() - 1)).bernoulli_(1 - self.probability)
        return branch * kept / (1 - self.probability)
