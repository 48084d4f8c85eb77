"""Simulated time is proportional to the wall clock's, except while it is held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssc_ros.ros.replay.simulated_time import SimulatedTime

SECOND = 1_000_000_000


class Wall:
    """A wall clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 5 * SECOND

    def sleep(self, seconds: float) -> None:
        self.now += max(1, round(seconds * SECOND))


def simulated(rate: float = 1.0) -> tuple[SimulatedTime, Wall]:
    wall = Wall()
    return SimulatedTime(rate, wall=lambda: wall.now, sleep=wall.sleep), wall


@given(rate=st.floats(0.01, 100), start=st.integers(0, 10**18), duration=st.integers(0, 10**11))
def test_waiting_takes_the_recorded_time_divided_by_the_rate(rate: float, start: int, duration: int) -> None:
    time, wall = simulated(rate)
    time.restart(start)
    begin = wall.now
    time.sleep_until(start + duration)
    assert wall.now - begin == pytest.approx(duration / rate, rel=1e-6, abs=10)
    assert time.now() == pytest.approx(start + duration, abs=10 * max(1, rate))


def test_a_stamp_that_has_passed_is_not_waited_for() -> None:
    time, wall = simulated()
    time.restart(10 * SECOND)
    wall.sleep(3)
    begin = wall.now
    time.sleep_until(12 * SECOND)
    assert wall.now == begin


def test_held_time_stands_still_and_goes_on_from_there() -> None:
    time, wall = simulated(rate=2)
    time.restart(0)
    wall.sleep(1)
    time.hold()
    wall.sleep(50)
    assert time.now() == 2 * SECOND
    time.hold()
    time.resume()
    wall.sleep(1)
    time.resume()
    assert time.now() == 4 * SECOND


def test_time_can_go_back() -> None:
    time, wall = simulated()
    time.restart(100 * SECOND)
    wall.sleep(1)
    time.restart(7 * SECOND)
    assert time.now() == 7 * SECOND
