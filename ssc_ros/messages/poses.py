"""Poses and transforms of messages as matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SscError, poses
from ssc_ros.messages.drops import Drop, UnusableInput

FARTHEST = 1e9
"""Largest coordinate of a pose [m]; those in a frame of the whole earth have up to 10 million."""


def read_transform(message: Any) -> NDArray[np.float64]:
    """Return the transform (4, 4) of a geometry_msgs/Transform: child frame -> parent frame.

    Raises:
        SscError: not finite, farther away than anything, or a quaternion of length 0.
    """
    return _read(message.translation, message.rotation)


def read_pose(message: Any) -> NDArray[np.float64]:
    """Transform (4, 4) of a geometry_msgs/Pose: its frame -> the header's.

    Raises:
        UnusableInput: not finite, farther away than anything, or a quaternion of length 0.
    """
    try:
        return _read(message.position, message.orientation)
    except SscError as error:
        raise UnusableInput(Drop.POSE, f"odometry cannot be used: {error}") from error


def _read(position: Any, orientation: Any) -> NDArray[np.float64]:
    p, q = position, orientation
    numbers = np.array([p.x, p.y, p.z, q.x, q.y, q.z, q.w], np.float64)
    if not np.isfinite(numbers).all():
        raise SscError(f"pose {numbers.tolist()} is not finite")
    if np.abs(numbers[:3]).max() > FARTHEST:
        raise SscError(f"pose {numbers.tolist()} is more than {FARTHEST:g} m away; is it in metres?")
    try:
        return poses.from_quaternion(numbers[3:], numbers[:3])
    except ValueError as error:
        raise SscError(str(error)) from error
