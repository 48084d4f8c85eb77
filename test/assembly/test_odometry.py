"""Ego poses at the stamps of images, and which are waited for."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ssc_ros.assembly.odometry import PoseBuffer
from ssc_ros.core import poses

IDENTITY = np.eye(4)
MS, SECOND = 1_000_000, 1_000_000_000

Vector = tuple[float, float, float]

vectors = st.tuples(*[st.floats(-3, 3)] * 3)


def turn_between(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Angle [rad] of the rotation from one pose to another."""
    return float(np.arccos(np.clip((np.trace(a[:3, :3].T @ b[:3, :3]) - 1) / 2, -1, 1)))


@given(vectors, vectors, vectors, vectors, st.integers(0, 100))
def test_a_pose_between_two_lies_on_the_straight_and_shortest_way(
    r0: Vector, t0: Vector, r1: Vector, t1: Vector, percent: int
) -> None:
    first, last = (Rotation.from_rotvec(0.5 * np.array(r)).as_quat() for r in (r0, r1))
    start, end = poses.from_quaternion(first, np.array(t0)), poses.from_quaternion(last, np.array(t1))
    buffer = PoseBuffer()
    buffer.add(0, start)
    buffer.add(100, end)
    found, share = buffer.at(percent, max_gap=100), percent / 100
    assert found is not None
    np.testing.assert_allclose(found[:3, 3], (1 - share) * np.array(t0) + share * np.array(t1), atol=1e-9)
    whole = turn_between(start, end)
    assert turn_between(start, found) == pytest.approx(share * whole, abs=1e-6)
    assert turn_between(found, end) == pytest.approx((1 - share) * whole, abs=1e-6)


def test_no_pose_is_made_up() -> None:
    buffer = PoseBuffer()
    assert buffer.at(0, 100) is None
    buffer.add(100, IDENTITY)
    buffer.add(200, IDENTITY)
    assert buffer.at(99, 100) is None
    assert buffer.at(201, 100) is None
    assert buffer.at(150, 99) is None
    assert buffer.at(150, 100) is not None
    assert buffer.at(200, 0) is not None


def test_poses_of_before_a_time_jump_are_forgotten() -> None:
    buffer = PoseBuffer()
    buffer.add(100, IDENTITY)
    buffer.add(200, IDENTITY)
    buffer.add(50, IDENTITY)
    assert buffer.at(150, 100) is None
    assert buffer.at(50, 100) is not None


def test_a_pose_is_awaited_only_while_it_may_come() -> None:
    buffer = PoseBuffer()
    assert buffer.awaits(0, 100)  # nobody knows yet whether there will be any
    buffer.add(100, IDENTITY)
    assert not buffer.awaits(100, 100)  # it is there
    assert buffer.awaits(101, 100)
    assert buffer.awaits(200, 100)
    assert not buffer.awaits(201, 100)  # it could not be bridged to
    assert buffer.awaits(50, 100)  # time jumped back: the poses follow
    buffer.add(50, IDENTITY)
    assert not buffer.awaits(50, 100)


def test_a_pose_that_comes_after_the_images_is_waited_for() -> None:
    buffer = PoseBuffer()
    for stamp in (1, 2):
        sender = threading.Timer(0.1, buffer.add, (stamp * SECOND, IDENTITY))
        sender.start()
        buffer.wait(stamp * SECOND, 30 * SECOND)
        assert buffer.at(stamp * SECOND, 0) is not None
        sender.join()


def test_nobody_waits_for_a_source_that_is_not_there() -> None:
    buffer = PoseBuffer()
    buffer.wait(0, MS)
    assert not buffer.awaits(SECOND, 100 * SECOND)  # the first wait was in vain
    buffer.add(2 * SECOND, IDENTITY)
    assert buffer.awaits(3 * SECOND, SECOND)
    buffer.wait(3 * SECOND, MS)
    assert not buffer.awaits(3 * SECOND + 1, SECOND)
    buffer.clear()
    assert buffer.awaits(4 * SECOND, SECOND)
