"""Depth bins: labels and frustum agree, in metres (two defects of published code are not repeated)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssc_ros.core import DepthBins

BINS = DepthBins()


def test_ten_metres_fall_into_the_bin_centred_at_ten_metres() -> None:
    assert BINS.centers[BINS.index(np.array(10.0))] == 10.0
    assert BINS.centers[0] == 2.0
    assert BINS.centers[-1] == 57.5


@given(st.floats(1.7500001, 57.7499))
def test_a_depth_lies_between_the_edges_of_its_bin_and_nearest_to_its_centre(depth: float) -> None:
    k = int(BINS.index(np.array(depth)))
    assert BINS.edges[k] <= depth + 1e-5
    assert depth <= BINS.edges[k + 1] + 1e-5
    assert np.abs(BINS.centers - depth).argmin() in (k, k - 1, k + 1)
    assert abs(BINS.centers[k] - depth) <= BINS.step / 2 + 1e-5


def test_depths_outside_or_unknown_have_no_bin() -> None:
    depths = np.array([1.74, 57.76, 0.0, -5.0, np.nan, np.inf, -np.inf])
    assert BINS.index(depths).tolist() == [-1] * 7


@given(st.floats(4, 55))
def test_the_soft_target_peaks_at_the_depth_and_has_it_as_its_mean(depth: float) -> None:
    target = BINS.gaussian(np.array(depth), sigma=0.5)
    assert target.shape == (112,)
    assert target.sum() == pytest.approx(1, abs=1e-5)
    assert abs(BINS.centers[target.argmax()] - depth) <= 0.25 + 1e-5
    assert float(target @ BINS.centers) == pytest.approx(depth, abs=0.02)


def test_the_soft_target_is_finite_far_outside_the_bins() -> None:
    target = BINS.gaussian(np.array([0.0, 500.0]))
    assert target.argmax(axis=-1).tolist() == [0, 111]
    np.testing.assert_allclose(target.sum(axis=-1), 1, atol=1e-6)
