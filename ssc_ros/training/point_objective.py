"""The weighted sum of the losses of a sweep, which training minimises."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssc_ros.core import EMPTY, UNKNOWN
from ssc_ros.networks.heads.point_logits import PointLogits
from ssc_ros.training.class_objective import ClassObjective


@dataclass(frozen=True)
class PointObjective(ClassObjective):
    """Weights of the loss terms on the cells with labelled points; see `ClassObjective`."""

    def __call__(self, points: PointLogits, labels: Tensor, class_weights: Tensor) -> dict[str, Tensor]:
        """Weighted terms by name; their sum is minimised.

        Args:
            points: what was predicted.
            labels: [B, N] uint8 train ids of the points, 0 where unlabelled.
            class_weights: (C,) of the cross entropy.
        """
        truth = points.truth(labels)
        return self.terms(points.cells, torch.where(truth == EMPTY, UNKNOWN, truth), class_weights)
