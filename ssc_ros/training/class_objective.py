"""What is minimised where single places are given classes: points of a sweep, cells of an image."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ssc_ros.losses import lovasz_softmax, weighted_cross_entropy


@dataclass(frozen=True)
class ClassObjective:
    """Weights of the loss terms; a term of weight 0 is not computed.

    Attributes:
        cross_entropy: with class weights.
        lovasz: Lovasz-softmax.
    """

    cross_entropy: float = 1.0
    lovasz: float = 1.0

    def terms(self, logits: Tensor, truth: Tensor, class_weights: Tensor) -> dict[str, Tensor]:
        """Return weighted terms by name; their sum is minimised.

        Args:
            logits: [N, C] or [B, C, ...].
            truth: [N] or [B, ...] integer train ids, 255 ignored.
            class_weights: (C,) of the cross entropy.
        """
        terms: dict[str, Tensor] = {}
        if self.cross_entropy:
            terms["cross_entropy"] = self.cross_entropy * weighted_cross_entropy(logits, truth, class_weights)
        if self.lovasz:
            terms["lovasz"] = self.lovasz * lovasz_softmax(logits, truth)
        return terms
