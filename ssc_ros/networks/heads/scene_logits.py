"""Class logits of a whole grid, too many to hold at once: 20 x 256 x 256 x 32 floats are 168 MB."""

from __future__ import annotations

from abc import ABC, abstractmethod

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
    def labels(self) -> Tensor:
        """[B, X, Y, Z] uint8: the most probable class of each voxel."""

    @abstractmethod
    def decide(self) -> tuple[Tensor, Tensor]:
        """`labels`, and the confidence [B, X, Y, Z] uint8: the probability of each label, times 255."""
