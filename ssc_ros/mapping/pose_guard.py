"""Whether a pose continues the motion before, or the odometry has jumped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import poses

Matrix = NDArray[np.float64]

ACCELERATION, ANGULAR_ACCELERATION = 10.0, 10.0
"""What a robot can do [m/s², rad/s²]: how far it may be from where it would be at constant velocity."""

FASTEST = 60.0
"""Largest speed of a robot whose velocity is not known yet [m/s]."""


class PoseGuard:
    """Follows the poses of a robot.

    Attributes:
        distance: how far a pose may be from where a robot can be [m].
        angle: how far it may be turned from there [rad].
    """

    def __init__(self, distance: float, angle: float) -> None:
        self.distance, self.angle = distance, angle
        self._last: tuple[int, Matrix] | None = None
        self._step: tuple[float, Matrix] | None = None  # duration [s], and motion in it

    def forget(self) -> None:
        """Take the next pose as it is."""
        self._last = self._step = None

    def complaint(self, stamp: int, T_world_grid: Matrix) -> str:
        """Say why a pose does not follow the one before; empty if it does. The motion goes on from here.

        Args:
            stamp: of the pose [ns].
            T_world_grid: (4, 4), the pose.
        """
        last, self._last = self._last, (stamp, T_world_grid)
        if last is None:
            return ""
        step, self._step = self._step, None
        seconds = (stamp - last[0]) / 1e9
        if seconds <= 0:
            return f"time went back by {-seconds:.3f} s"
        moved = poses.inverse(last[1]) @ T_world_grid
        expected, allowed, turned = np.eye(4), self.distance + FASTEST * seconds, np.pi
        if step is not None:
            expected = _continued(*step, seconds)
            longest = max(seconds, step[0])
            allowed = self.distance + ACCELERATION * longest**2
            turned = self.angle + ANGULAR_ACCELERATION * longest**2
        off = poses.inverse(expected) @ moved
        away, angle = float(np.linalg.norm(off[:3, 3])), _angle(off)
        if away > allowed or angle > turned:
            return f"the pose jumped by {away:.2f} m and {np.degrees(angle):.1f} degrees"
        self._step = seconds, moved
        return ""


def _continued(before: float, motion: Matrix, seconds: float) -> Matrix:
    """Return a motion of another duration at the same velocity."""
    from scipy.spatial.transform import Rotation

    share = seconds / before
    result = np.eye(4)
    result[:3, :3] = Rotation.from_rotvec(share * poses.rotation(motion).as_rotvec()).as_matrix()
    result[:3, 3] = share * motion[:3, 3]
    return result


def _angle(motion: Matrix) -> float:
    """Return the angle of a rotation [rad]."""
    return float(np.arccos(np.clip((np.trace(motion[:3, :3]) - 1) / 2, -1, 1)))
