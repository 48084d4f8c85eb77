"""Scores of point segmentation against a confusion by hand and numbers of the official script (semantic-kitti-api)."""

from __future__ import annotations

import numpy as np
import pytest

from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.evaluation.points import PointScores, point_scores


def scores(prediction: np.ndarray, truth: np.ndarray, classes: int) -> PointScores:
    confusion = Confusion(classes)
    half = len(truth) // 2
    for part in (slice(half), slice(half, None)):  # counts add up over sweeps
        confusion.add(prediction[part].astype(np.uint8), truth[part].astype(np.uint8))
    return point_scores(confusion)


def test_a_small_case_by_hand() -> None:
    truth = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
    prediction = np.array([0, 1, 2, 1, 1, 2, 0, 2, 2, 1])
    result = scores(prediction, truth, 4)
    # unlabelled points count nowhere; class 1: 2 hits, 1 false alarm, 2 misses; class 2: 2 hits, 1 and 1
    assert result.per_class[1:] == pytest.approx((2 / 5, 2 / 4, 0))
    assert result.miou == pytest.approx((2 / 5 + 2 / 4 + 0) / 3)  # class 3 never occurs and counts 0
    assert result.accuracy == pytest.approx(4 / 6)  # the point that was given no class is not among the six
    assert result.truth == (0, 4, 3, 0)
    assert result.miou_occurring == pytest.approx((2 / 5 + 2 / 4) / 2)


def test_equals_the_official_script_on_a_fixed_pattern() -> None:
    """Expected: auxiliary/np_ioueval.py (commit 1a9a8ff), fed as evaluate_semantics.py feeds it."""
    i = np.arange(97 * 89)
    truth = np.array([0, 0, 9, 9, 15, 1, 11, 13, 0, 13, 17, 19, 6, 2])[i % 97 % 14]
    prediction = np.array([9, 9, 15, 1, 11, 17, 13, 13, 0, 2, 19, 6])[i % 89 % 12]
    result = scores(prediction, truth, 20)
    assert result.miou == pytest.approx(0.026826859900121746)
    assert result.accuracy == pytest.approx(0.1246790757381258)
