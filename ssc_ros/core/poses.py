"""Rigid transforms as 4x4 float64 matrices; `T_a_b` maps points of frame b into frame a."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def from_rows(rows: NDArray[np.floating]) -> Matrix:
    """Append (0, 0, 0, 1) to a (3, 4) or flat (12,) transform."""
    transform = np.eye(4)
    transform[:3] = np.asarray(rows, np.float64).reshape(3, 4)
    return transform


def inverse(transform: Matrix) -> Matrix:
    """Inverse of a rigid transform, exact up to rounding."""
    rotation, translation = transform[:3, :3], transform[:3, 3]
    result = np.eye(4)
    result[:3, :3] = rotation.T
    result[:3, 3] = -rotation.T @ translation
    return result


def apply(transform: Matrix, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Transform (..., 3) points [m]."""
    return np.asarray(np.asarray(points, np.float64) @ transform[:3, :3].T + transform[:3, 3])


def is_rigid(transform: NDArray[np.floating], tolerance: float = 1e-3) -> bool:
    """Whether a matrix is a finite 4x4 rigid transform (orthonormal rotation of determinant +1)."""
    t = np.asarray(transform, np.float64)
    if t.shape != (4, 4) or not np.isfinite(t).all():
        return False
    r = t[:3, :3]
    return bool(
        np.allclose(r @ r.T, np.eye(3), atol=tolerance)
        and np.linalg.det(r) > 0
        and np.allclose(t[3], (0, 0, 0, 1), atol=tolerance)
    )


def from_quaternion(xyzw: NDArray[np.floating], translation: NDArray[np.floating]) -> Matrix:
    """Transform from a quaternion in ROS order (x, y, z, w) and a translation [m].

    Raises:
        ValueError: the quaternion has (almost) no length.
    """
    q = np.asarray(xyzw, np.float64)
    norm = np.linalg.norm(q)
    if not norm > 1e-6:
        raise ValueError(f"quaternion {q.tolist()} has no length, so it is no rotation")
    x, y, z, w = q / norm
    result = np.eye(4)
    result[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    result[:3, 3] = translation
    return result


def to_quaternion(transform: Matrix) -> NDArray[np.float64]:
    """Quaternion (x, y, z, w), w >= 0, of a rigid transform.

    The eigenvector of Bar-Itzhack's matrix (2000): right for every rotation, also those by 180 degrees.
    """
    m = transform[:3, :3]
    k = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], 0, 0, 0],
            [m[1, 0] + m[0, 1], m[1, 1] - m[0, 0] - m[2, 2], 0, 0],
            [m[2, 0] + m[0, 2], m[2, 1] + m[1, 2], m[2, 2] - m[0, 0] - m[1, 1], 0],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], np.trace(m)],
        ]
    )
    _, vectors = np.linalg.eigh(k)
    q = vectors[:, -1]
    return np.asarray(-q if q[3] < 0 else q)
