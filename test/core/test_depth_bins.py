"""Depth bins: labels and frustum agree, in metres (two defects of published code are not repeated)."""

from __future__ import annotations

import numpy as np
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
