"""Rigid transforms as 4x4 float64 matrices; `T_a_b` maps points of frame b into frame a."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

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
        ValueError: the quaternion has (almost) no length, or one beyond all bounds.
    """
    from scipy.spatial.transform import Rotation  # takes half a second, which help texts need not wait for

    q = np.asarray(xyzw, np.float64)
    norm = math.hypot(*q)  # whose squares do not overflow
    if not 1e-6 < norm < 1e6:
        raise ValueError(f"quaternion {q.tolist()} has length {norm:.3g}, so it is no rotation")
    result = np.eye(4)
    result[:3, :3] = Rotation.from_quat(q).as_matrix()
    result[:3, 3] = translation
    return result


def to_quaternion(transform: Matrix) -> NDArray[np.float64]:
    """Quaternion (x, y, z, w), w >= 0, of a rigid transform."""
    return np.asarray(rotation(transform).as_quat(canonical=True))


def rotation(transform: Matrix) -> Rotation:
    """Return the rotation nearest to that of a transform, whose matrix may be orthonormal to a few digits only."""
    from scipy.spatial.transform import Rotation  # see `from_quaternion`

    left, _, right = np.linalg.svd(transform[:3, :3])
    return Rotation.from_matrix(left @ right)


def of_camera(pitch: float, roll: float, place: NDArray[np.floating]) -> Matrix:
    """Pose (4, 4) of a camera without yaw: optical frame (right, down, ahead) -> level frame (ahead, left, up).

    Args:
        pitch: how far the optical axis points down [rad].
        roll: how far the camera is turned to the right about its optical axis [rad].
        place: (3,) of its centre in the level frame [m].
    """
    (cp, sp), (cr, sr) = ((np.cos(angle), np.sin(angle)) for angle in (pitch, roll))
    result = np.eye(4)
    # columns: where right, down and ahead of the camera point
    result[:3, 0] = -sp * sr, -cr, -cp * sr
    result[:3, 1] = -sp * cr, sr, -cp * cr
    result[:3, 2] = cp, 0, -sp
    result[:3, 3] = place
    return result
