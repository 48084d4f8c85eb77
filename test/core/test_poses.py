"""Rigid transforms, and quaternions by their definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ssc_ros.core import poses

UNIT = st.floats(-1, 1)
QUATERNION = st.tuples(UNIT, UNIT, UNIT, UNIT).map(np.array).filter(lambda q: np.linalg.norm(q) > 0.01)
TRANSLATION = st.tuples(*[st.floats(-100, 100)] * 3).map(np.array)


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton's product of quaternions (x, y, z, w)."""
    return np.array([*(a[3] * b[:3] + b[3] * a[:3] + np.cross(a[:3], b[:3])), a[3] * b[3] - a[:3] @ b[:3]])


@given(QUATERNION, TRANSLATION, TRANSLATION)
def test_a_quaternion_turns_points_by_hamiltons_product(
    quaternion: np.ndarray, translation: np.ndarray, point: np.ndarray
) -> None:
    q = quaternion / np.linalg.norm(quaternion)
    turned = product(product(q, np.array([*point, 0])), q * (-1, -1, -1, 1))[:3]
    transform = poses.from_quaternion(quaternion, translation)
    np.testing.assert_allclose(transform @ [*point, 1], [*(turned + translation), 1], atol=1e-11)


@given(QUATERNION, TRANSLATION)
def test_a_transform_gives_its_quaternion_back(quaternion: np.ndarray, translation: np.ndarray) -> None:
    back = poses.to_quaternion(poses.from_quaternion(quaternion, translation))
    assert back[3] >= 0
    expected = quaternion / np.linalg.norm(quaternion)
    assert abs(back @ expected) == pytest.approx(1, abs=1e-12)  # q and -q are one rotation


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0.8, 0)])
def test_half_turns_survive(axis: tuple[float, float, float]) -> None:
    transform = np.eye(4)
    transform[:3, :3] = 2 * np.outer(axis, axis) - np.eye(3)
    back = poses.from_quaternion(poses.to_quaternion(transform), np.zeros(3))
    np.testing.assert_allclose(back, transform, atol=1e-9)


@given(QUATERNION, st.integers(0, 2**32 - 1))
def test_the_quaternion_of_a_rounded_rotation_is_that_of_the_nearest_one(quaternion: np.ndarray, seed: int) -> None:
    """Bar-Itzhack (2000): it is the eigenvector of the largest eigenvalue of a symmetric matrix."""
    transform = poses.from_quaternion(quaternion, np.zeros(3))
    transform[:3, :3] += np.random.default_rng(seed).normal(0, 1e-5, (3, 3))
    (a, b, c), (d, e, f), (g, h, i) = transform[:3, :3]
    lower = [
        [a - e - i, 0, 0, 0],
        [d + b, e - a - i, 0, 0],
        [g + c, h + f, i - a - e, 0],
        [h - f, c - g, d - b, a + e + i],
    ]
    nearest = np.linalg.eigh(lower)[1][:, -1]
    assert abs(poses.to_quaternion(transform) @ nearest) == pytest.approx(1, abs=1e-12)


@given(QUATERNION, TRANSLATION, TRANSLATION)
def test_the_inverse_undoes_and_apply_is_the_matrix_product(
    quaternion: np.ndarray, translation: np.ndarray, point: np.ndarray
) -> None:
    transform = poses.from_quaternion(quaternion, translation)
    assert poses.is_rigid(transform)
    np.testing.assert_allclose(poses.inverse(transform), np.linalg.inv(transform), atol=1e-9)
    moved = poses.apply(transform, point[None])
    np.testing.assert_allclose(moved[0], (transform @ [*point, 1])[:3], atol=1e-9)
    np.testing.assert_allclose(poses.apply(poses.inverse(transform), moved)[0], point, atol=1e-9)


def test_what_is_not_rigid_is_told() -> None:
    mirrored = np.diag([1.0, 1.0, -1.0, 1.0])
    scaled = np.diag([1.01, 1.01, 1.01, 1.0])
    unfinished = np.full((4, 4), np.nan)
    for matrix in (mirrored, scaled, unfinished, np.eye(3)):
        assert not poses.is_rigid(matrix)


@given(st.tuples(*[st.floats(-1e-8, 1e-8)] * 4).map(np.array))
def test_a_quaternion_without_length_is_refused(quaternion: np.ndarray) -> None:
    assume(np.linalg.norm(quaternion) < 1e-7)
    with pytest.raises(ValueError, match="it is no rotation"):
        poses.from_quaternion(quaternion, np.zeros(3))


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_camera_is_a_level_one_that_is_rolled_and_then_pitched(pitch: float, roll: float) -> None:
    level = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # right, down, ahead -> ahead, left, up
    tilt = Rotation.from_euler("xy", [roll, pitch]).as_matrix()  # about fixed axes, ahead before left
    pose = poses.of_camera(pitch, roll, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(pose[:3, :3], tilt @ level, atol=1e-12)
    np.testing.assert_array_equal(pose[:, 3], [1, 2, 3, 1])
