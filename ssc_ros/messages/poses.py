"""Poses and transforms of messages as matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import poses
from ssc_ros.messages.drops import Drop, UnusableInput


def read_transform(message: Any) -> NDArray[np.float64]:
    """Return the transform (4, 4) of a geometry_msgs/Transform: child frame -> parent frame.

    Raises:
        ValueError: a quaternion of length 0.
    """
    t, q = message.translation, message.rotation
    return poses.from_quaternion(np.array([q.x, q.y, q.z, q.w]), np.array([t.x, t.y, t.z]))


def read_pose(message: Any) -> NDArray[np.float64]:
    """Transform (4, 4) of a geometry_msgs/Pose: its frame -> the header's.

    Raises:
        UnusableInput: not finite, or a quaternion of length 0.
    """
    p, q = message.position, message.orientation
    numbers = np.array([p.x, p.y, p.z, q.x, q.y, q.z, q.w], np.float64)
    try:
        if not np.isfinite(numbers).all():
            raise ValueError(f"pose {numbers.tolist()} is not finite")
        return poses.from_quaternion(numbers[3:], numbers[:3])
    except ValueError as error:
        raise UnusableInput(Drop.POSE, f"odometry cannot be used: {error}") from error
