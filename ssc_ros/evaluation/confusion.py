"""Scores of semantic scene completion, by the definitions of the official evaluation (semantic-kitti-api)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import EMPTY, UNKNOWN, SscError


@dataclass(frozen=True)
class Scores:
    """Fractions in 0..1, over all voxels counted.

    Attributes:
        iou: of scene completion, occupied against empty.
        precision, recall: of the occupied voxels.
        miou: mean of `per_class` over the classes 1 and up, also over those that never occur (they count 0).
        per_class: intersection over union of each train id, index 0 being empty.
        truth: how many voxels counted are truly of each class.
    """

    iou: float
    precision: float
    recall: float
    miou: float
    per_class: tuple[float, ...]
    truth: tuple[int, ...]

    @property
    def miou_occurring(self) -> float:
        """Mean of `per_class` over the classes 1 and up that occur in the truth counted; 0 if none does."""
        return mean_of_occurring(self.per_class, self.truth)


def mean_of_occurring(per_class: Sequence[float], truth: Sequence[int], least: int = 1) -> float:
    """Return the mean score of the classes that occur, without class 0; 0 if no class occurs.

    Args:
        per_class: a score for each train id.
        truth: how many voxels or points are truly of each train id.
        least: how often a class has to occur; 0 takes all classes.
    """
    occurring = [score for score, count in list(zip(per_class, truth, strict=True))[1:] if count >= least]
    return sum(occurring) / max(1, len(occurring))


OCCURRING = "mIoU, classes that occur"
"""What reports call `miou_occurring`."""


class Confusion:
    """Counts of (predicted class, true class) pairs, summed over frames, never averaged.

    Attributes:
        counts: (C, C) int64, rows are predictions, columns truth. float32 counters would be inexact from 2^24 on, which
            is nine frames.
    """

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((classes, classes), np.int64)

    def add(
        self, prediction: NDArray[np.uint8], truth: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None
    ) -> None:
        """Count voxels whose truth is known.

        A prediction of unknown counts as empty, as it does in the submission format, which has no word for it.

        Args:
            prediction, truth: train ids, uint8, of one shape; 255 is unknown.
            mask: bool of the same shape, the voxels to count; default all.

        Raises:
            SscError: shapes differ, or a train id is not below the number of classes.
        """
        if prediction.shape != truth.shape:
            raise SscError(
                f"the prediction has shape {prediction.shape}, the truth {truth.shape}; are the grids the same?"
            )
        known = truth != UNKNOWN
        if mask is not None:
            known &= mask
        classes = len(self.counts)
        true = truth[known].astype(np.int64)
        predicted = prediction[known].astype(np.int64)
        predicted[predicted == UNKNOWN] = EMPTY
        highest = max(true.max(initial=0), predicted.max(initial=0))
        if highest >= classes:
            raise SscError(f"train id {highest} does not fit {classes} classes; are both of the same label set?")
        pairs = np.bincount(predicted * classes + true, minlength=classes * classes)
        self.counts += pairs.reshape(classes, classes)

    def scores(self) -> Scores:
        """Scores of everything counted so far; a ratio without voxels is 0."""
        c = self.counts
        hits = np.diag(c)
        per_class = _ratio(hits, c.sum(axis=0) + c.sum(axis=1) - hits)
        occupied = c[1:, 1:].sum()
        return Scores(
            iou=float(_ratio(occupied, c.sum() - c[0, 0])),
            precision=float(_ratio(occupied, c[1:].sum())),
            recall=float(_ratio(occupied, c[:, 1:].sum())),
            miou=float(per_class[1:].mean()),
            per_class=tuple(per_class.tolist()),
            truth=tuple(c.sum(axis=0).tolist()),
        )


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(part / np.maximum(whole, 1), np.float64)
