"""Rates and latencies."""

from __future__ import annotations

import pytest

from ssc_ros.assembly.statistics import Latencies, Rate


def test_a_rate_falls_when_nothing_comes_any_more() -> None:
    now = [0.0]
    rate = Rate(window=10.0, clock=lambda: now[0])
    for k in range(101):
        now[0] = k / 10
        rate.tick()
    assert rate.hertz == pytest.approx(10)
    now[0] = 15.0
    assert rate.hertz == pytest.approx(5)
    now[0] = 100.0
    assert rate.hertz == 0
    assert rate.total == 101


def test_percentiles_are_those_of_the_last_values() -> None:
    latencies = Latencies(count=101)
    assert latencies.percentile(50) is None
    for k in range(1000):
        latencies.add(float(k))
    assert latencies.percentile(50) == 949
    assert latencies.percentile(95) == 994
