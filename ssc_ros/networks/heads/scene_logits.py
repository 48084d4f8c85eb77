"""Class logits of a whole grid, which nobody can afford to hold: 20 x 256 x 256 x 32 floats are 168 MB."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

from torch import Tensor


class SceneLogits(ABC):
    """Logits [B, C, X, Y, Z] over the fine grid, class 0 empty, kept in a smaller form."""

    @abstractmethod
    def dense(self) -> Tensor:
        """[B, C, X, Y, Z] logits: the slow reference of the methods below."""

    @abstractmethod
    def gather(self, index: Tensor) -> Tensor:
        """Logits of some voxels.

        Args:
            index: [N] long, flat C-order index into (B, X, Y, Z).

        Returns:
            [N, C].
        """

    @abstractmethod
    def decide(self) -> tuple[Tensor, Tensor]:
        """`labels` and `confidence`, which are found together."""

    def labels(self) -> Tensor:
        """[B, X, Y, Z] uint8: the most probable class of each voxel."""
        return self._decided[0]

    def confidence(self) -> Tensor:
        """[B, X, Y, Z] uint8: the probability of the label of `labels`, times 255."""
        return self._decided[1]

    @cached_property
    def _decided(self) -> tuple[Tensor, Tensor]:
        return self.decide()
