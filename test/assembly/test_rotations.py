"""Rotations against transforms3d, the engine under tf_transformations: quaternions, chains, inverses, Euler angles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ssc_ros.assembly.odometry import interpolate
from ssc_ros.core import poses

transforms3d = pytest.importorskip("transforms3d")
quaternions, euler, affines = (
    pytest.importorskip(f"transforms3d.{name}") for name in ("quaternions", "euler", "affines")
)

angles = st.floats(-3.1, 3.1)
numbers = st.floats(-100, 100)
places = st.tuples(numbers, numbers, numbers).map(np.array)
turns = st.tuples(angles, st.floats(-1.5, 1.5), angles)


def xyzw(wxyz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quaternion in ROS's order of one in transforms3d's, as tf_transformations has them."""
    return np.roll(wxyz, -1)


def pose(turn: tuple[float, float, float], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """By transforms3d: roll, pitch and yaw about fixed axes, as quaternion_from_euler takes them."""
    return np.asarray(affines.compose(place, euler.euler2mat(*turn, "sxyz"), np.ones(3)))


@given(turns, places)
def test_a_quaternion_becomes_the_same_matrix_and_back(turn: tuple[float, float, float], place: NDArray) -> None:
    quaternion = euler.euler2quat(*turn, "sxyz")
    found = poses.from_quaternion(xyzw(quaternion), place)
    np.testing.assert_allclose(found, pose(turn, place), atol=1e-9)
    back = poses.to_quaternion(found)
    assert min(np.abs(back - sign * xyzw(quaternion)).max() for sign in (1, -1)) < 1e-9
    np.testing.assert_allclose(found[:3, :3], quaternions.quat2mat(quaternion), atol=1e-9)


@given(turns, turns, places, places)
def test_chains_and_inverses_are_the_same(
    one: tuple[float, float, float], other: tuple[float, float, float], place: NDArray, further: NDArray
) -> None:
    a, b = pose(one, place), pose(other, further)
    chain = poses.inverse(a) @ b
    t, r, z, _ = affines.decompose44(np.linalg.inv(a) @ b)
    np.testing.assert_allclose(chain[:3, 3], t, atol=1e-8)
    np.testing.assert_allclose(chain[:3, :3], r, atol=1e-8)
    np.testing.assert_allclose(z, np.ones(3), atol=1e-8)
    product = quaternions.qmult(quaternions.qinverse(euler.euler2quat(*one)), euler.euler2quat(*other))
    np.testing.assert_allclose(chain[:3, :3], quaternions.quat2mat(product), atol=1e-8)


@given(st.floats(0, 1), st.floats(-3, 3), places)
def test_half_a_turn_is_half_the_angle_about_the_same_axis(fraction: float, angle: float, axis: NDArray) -> None:
    axis = np.add(axis, (0, 0, 200.0))
    a, b = np.eye(4), np.eye(4)
    b[:3, :3] = quaternions.quat2mat(quaternions.axangle2quat(axis, angle))
    found = interpolate(a, b, fraction)
    expected = quaternions.quat2mat(quaternions.axangle2quat(axis, fraction * angle))
    np.testing.assert_allclose(found[:3, :3], expected, atol=1e-9)
