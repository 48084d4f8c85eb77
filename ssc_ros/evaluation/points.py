"""Scores of point segmentation, by the definitions of the official evaluation (semantic-kitti-api)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssc_ros.core import EMPTY
from ssc_ros.evaluation.confusion import Confusion, mean_of_occurring


@dataclass(frozen=True)
class PointScores:
    """Fractions in 0..1, over all points that are labelled.

    Attributes:
        miou: mean of `per_class` over the classes 1 and up, also over those that never occur (they count 0), unless
            rare classes are left out.
        accuracy: share of the right ones among the points that are given a class.
        per_class: intersection over union of each train id; index 0, unlabelled, is not scored.
        truth: how many points are truly of each class.
    """

    miou: float
    accuracy: float
    per_class: tuple[float, ...]
    truth: tuple[int, ...]

    @property
    def miou_occurring(self) -> float:
        """Mean of `per_class` over the classes 1 and up that occur in the truth counted; 0 if none does."""
        return mean_of_occurring(self.per_class, self.truth)


def point_scores(confusion: Confusion, least: int = 0) -> PointScores:
    """Return the scores of everything counted so far; points that are truly unlabelled do not count.

    Args:
        confusion: the counts.
        least: mIoU leaves out the classes with fewer true points.
    """
    labelled = Confusion(len(confusion.counts))
    labelled.counts[:, EMPTY + 1 :] = confusion.counts[:, EMPTY + 1 :]
    scores, named = labelled.scores(), labelled.counts[EMPTY + 1 :, EMPTY + 1 :]
    accuracy = float(np.trace(named) / max(1, named.sum()))
    miou = mean_of_occurring(scores.per_class, scores.truth, least)
    return PointScores(miou, accuracy, scores.per_class, scores.truth)
