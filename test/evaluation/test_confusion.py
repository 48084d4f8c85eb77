"""Scores against closed forms and against numbers of the official script (semantic-kitti-api a9c749e)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssc_ros.core import SscError
from ssc_ros.evaluation.confusion import Confusion, Scores

LABELS = st.sampled_from([0, 0, 1, 2, 3, 255])


def scores(prediction: np.ndarray, truth: np.ndarray, classes: int) -> Scores:
    confusion = Confusion(classes)
    confusion.add(prediction, truth)
    return confusion.scores()


def test_a_small_case_by_hand() -> None:
    truth = np.array([0, 0, 1, 1, 2, 2, 255, 255], np.uint8)
    prediction = np.array([0, 1, 1, 0, 2, 1, 1, 0], np.uint8)
    result = scores(prediction, truth, 4)
    # occupied: 3 hits, 1 false alarm, 1 miss
    assert result.iou == pytest.approx(3 / 5)
    assert result.precision == pytest.approx(3 / 4)
    assert result.recall == pytest.approx(3 / 4)
    assert result.per_class == pytest.approx((1 / 3, 1 / 4, 1 / 2, 0))
    assert result.miou == pytest.approx((1 / 4 + 1 / 2 + 0) / 3)  # class 3 never occurs and counts 0
    assert result.truth == (2, 2, 2, 0)
    assert result.miou_occurring == pytest.approx((1 / 4 + 1 / 2) / 2)


def test_equals_the_official_script_on_a_fixed_pattern() -> None:
    """Expected: auxiliary/np_ioueval.py, fed with the same arrays as evaluate_completion.py feeds it."""
    i = np.arange(97 * 89)
    truth = np.array([0, 0, 0, 9, 9, 15, 1, 255, 0, 13, 17, 255, 0], np.uint8)[i % 97 % 13]
    prediction = np.array([0, 9, 0, 15, 1, 0, 9, 17, 13, 0, 2], np.uint8)[i % 89 % 11]
    result = scores(prediction, truth, 20)
    assert sum(result.truth) == 7387
    assert result.iou == pytest.approx(0.41089189629871187, abs=1e-12)
    assert result.precision == pytest.approx(0.5421686746987951, abs=1e-12)
    assert result.recall == pytest.approx(0.6292134831460674, abs=1e-12)
    assert result.miou == pytest.approx(0.015148368495626797, abs=1e-12)
    expected = {0: 0.257653585370865, 1: 0.045491470349309504, 9: 0.10256410256410256, 15: 0.04878048780487805}
    assert {train: result.per_class[train] for train in expected} == pytest.approx(expected, abs=1e-12)


@given(arrays(np.uint8, 60, elements=LABELS), arrays(np.uint8, 60, elements=LABELS))
def test_every_class_is_intersection_over_union_of_sets(prediction: np.ndarray, truth: np.ndarray) -> None:
    known = [n for n in range(60) if truth[n] != 255]
    result = scores(prediction, truth, 4)
    for train in range(4):
        predicted = {n for n in known if (0 if prediction[n] == 255 else prediction[n]) == train}
        true = {n for n in known if truth[n] == train}
        expected = len(predicted & true) / len(predicted | true) if predicted | true else 0.0
        assert result.per_class[train] == pytest.approx(expected)


@given(arrays(np.uint8, 60, elements=LABELS))
def test_truth_scores_one_against_itself(truth: np.ndarray) -> None:
    truth[:4] = range(4)
    result = scores(truth, truth, 4)
    assert (result.iou, result.precision, result.recall, result.miou) == (1, 1, 1, 1)


@given(st.permutations(range(4)))
def test_frames_are_summed_in_any_order(order: list[int]) -> None:
    rng = np.random.default_rng(0)
    predictions, truths = rng.integers(0, 4, (2, 4, 50), np.uint8)
    confusion = Confusion(4)
    for frame in order:
        confusion.add(predictions[frame], truths[frame])
    assert confusion.scores() == scores(predictions.ravel(), truths.ravel(), 4)


def test_counts_stay_exact_where_float32_would_not() -> None:
    confusion = Confusion(2)
    confusion.counts[:] = 2**24
    confusion.add(np.ones(1, np.uint8), np.ones(1, np.uint8))
    assert confusion.counts[1, 1] == 2**24 + 1


def test_only_voxels_of_the_mask_count() -> None:
    confusion = Confusion(2)
    truth = np.array([1, 1, 255], np.uint8)
    confusion.add(np.array([1, 0, 0], np.uint8), truth, np.array([True, False, True]))
    assert confusion.counts.tolist() == [[0, 0], [0, 1]]


def test_without_any_voxel_the_scores_are_zero() -> None:
    empty = np.full(3, 255, np.uint8)
    result = scores(empty, empty, 3)
    assert result == Scores(0, 0, 0, 0, (0, 0, 0), (0, 0, 0))
    assert result.miou_occurring == 0


def test_a_class_that_is_only_predicted_does_not_occur() -> None:
    truth, prediction = np.array([0, 1, 1, 255], np.uint8), np.array([2, 1, 1, 3], np.uint8)
    result = scores(prediction, truth, 4)
    assert result.miou_occurring == 1
    assert result.miou == pytest.approx(1 / 3)


@given(arrays(np.uint8, 60, elements=LABELS), arrays(np.uint8, 60, elements=LABELS))
def test_the_mean_over_occurring_classes_is_the_official_one_scaled(prediction: np.ndarray, truth: np.ndarray) -> None:
    """A class that is not in the truth adds 0 to the official mean."""
    result = scores(prediction, truth, 4)
    occurring = len(set(truth.tolist()) - {0, 255})
    assert occurring * result.miou_occurring == pytest.approx(3 * result.miou)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SscError, match="train id 7 does not fit 3 classes"):
        scores(np.array([7], np.uint8), np.array([1], np.uint8), 3)
    with pytest.raises(SscError, match=r"shape \(2,\), the truth \(3,\)"):
        scores(np.zeros(2, np.uint8), np.zeros(3, np.uint8), 3)
