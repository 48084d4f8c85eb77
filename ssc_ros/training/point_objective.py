"""The weighted sum of the losses of a sweep, which training minimises."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssc_ros.core import EMPTY, UNKNOWN
from ssc_ros.losses import lovasz_softmax, weighted_cross_entropy
from ssc_ros.networks.heads.point_logits import PointLogits


@dataclass(frozen=True)
class PointObjective:
    """Weights of the loss terms on the cells with labelled points; a term of weight 0 is not computed.

    Attributes:
        cross_entropy: with class weights.
        lovasz: Lovasz-softmax.
    """

    cross_entropy: float = 1.0
    lovasz: float = 1.0

    def __call__(self, points: PointLogits, labels: Tensor, class_weights: Tensor) -> dict[str, Tensor]:
        """Weighted terms by name; their sum is minimised.

        Args:
            points: what was predicted.
            labels: [B, N] uint8 train ids of the points, 0 where unlabelled.
            class_weights: (C,) of the cross entropy.
        """
        truth = points.truth(labels)
        truth = torch.where(truth == EMPTY, UNKNOWN, truth)
        terms: dict[str, Tensor] = {}
        if self.cross_entropy:
            terms["cross_entropy"] = self.cross_entropy * weighted_cross_entropy(points.cells, truth, class_weights)
        if self.lovasz:
            terms["lovasz"] = self.lovasz * lovasz_softmax(points.cells, truth)
        return terms
