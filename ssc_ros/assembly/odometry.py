"""Ego poses of the last seconds, and the one at an image's stamp."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from threading import Condition

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ssc_ros.core import poses

Matrix = NDArray[np.float64]


class PoseBuffer:
    """Poses by stamp. Written by the executor, read by the inference thread, which may wait for them."""

    def __init__(self, capacity: int = 500) -> None:
        self._poses: deque[tuple[int, Matrix]] = deque(maxlen=capacity)
        self._changed = Condition()
        self._in_vain = False  # there is none, and waiting for the first one was of no use

    def add(self, stamp: int, pose: Matrix) -> None:
        """Take a pose (4, 4) at a stamp [ns]; an older stamp than the last means that time jumped, and clears."""
        with self._changed:
            if self._poses and stamp <= self._poses[-1][0]:
                self._poses.clear()
            self._poses.append((stamp, pose))
            self._in_vain = False
            self._changed.notify_all()

    @property
    def newest(self) -> int | None:
        """Stamp of the newest pose [ns]; None without any."""
        with self._changed:
            return self._poses[-1][0] if self._poses else None

    def clear(self) -> None:
        """Forget all poses."""
        with self._changed:
            self._poses.clear()
            self._in_vain = False

    def awaits(self, stamp: int, max_gap: int) -> bool:
        """Whether the pose of a stamp [ns] may still come.

        The newest one is older, but no more than `max_gap`; or all are later: time jumped back, and the poses have yet
        to follow the images.
        """
        with self._changed:
            if not self._poses:
                return not self._in_vain
            oldest, newest = self._poses[0][0], self._poses[-1][0]
            return newest < stamp <= newest + max_gap or stamp < oldest

    def wait(self, stamp: int, max_gap: int) -> None:
        """Wait while the pose of a stamp may still come, at most `max_gap` [ns].

        A pose after the image's stamp is needed to interpolate, and the topics of one moment arrive in any order. Where
        nobody sends poses, only the first frame waits.
        """
        with self._changed:
            came = self._changed.wait_for(lambda: not self.awaits(stamp, max_gap), max_gap / 1e9)
            self._in_vain = not came and not self._poses

    def at(self, stamp: int, max_gap: int) -> Matrix | None:
        """Pose (4, 4) at a stamp [ns], interpolated between its neighbours.

        Returns:
            None if there is no pose on both sides within `max_gap` [ns] of each other (and none exactly there).
        """
        with self._changed:
            known = list(self._poses)
        after = bisect_left(known, stamp, key=lambda item: item[0])
        if after == len(known):
            return None
        later, pose = known[after]
        if later == stamp:
            return pose
        if after == 0 or later - known[after - 1][0] > max_gap:
            return None
        earlier, previous = known[after - 1]
        return interpolate(previous, pose, (stamp - earlier) / (later - earlier))


def interpolate(a: Matrix, b: Matrix, fraction: float) -> Matrix:
    """Pose (4, 4) a fraction of the way from a to b: linear in position, spherical in rotation (Shoemake 1985)."""
    first, last = poses.rotation(a), poses.rotation(b)
    result = np.eye(4)
    turn = fraction * (first.inv() * last).as_rotvec()
    result[:3, :3] = (first * Rotation.from_rotvec(turn)).as_matrix()
    result[:3, 3] = (1 - fraction) * a[:3, 3] + fraction * b[:3, 3]
    return result
