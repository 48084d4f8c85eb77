"""The two clocks by which evidence fades: time, and the distance that the robot has travelled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssc_ros.mapping.evidence import METRE_TICKS, SECOND_TICKS

ROUND = 100
"""Ticks of either clock within which every word of the map is brought up to date: stamps come again after 256."""

HOPS = 4
"""Longest pause, in rounds: after that, evidence by time is gone whatever its stamp."""


class Clocks:
    """Ticks of distance and of time since the map was clear.

    Attributes:
        ticks: (2,) int32, of distance and time, 0 .. 255: the clocks of static and of moving classes.
    """

    def __init__(self) -> None:
        self.ticks = np.zeros(2, np.int32)
        self._now = np.zeros(2)
        self._aim = np.zeros(2)
        self._last: tuple[int, NDArray[np.float64]] | None = None

    def aim(self, stamp: int, place: NDArray[np.float64]) -> None:
        """Take the stamp [ns] and the place (3,) [m] of the next grid; `advance` goes there."""
        if self._last is not None:
            seconds, metres = (stamp - self._last[0]) / 1e9, float(np.linalg.norm(place - self._last[1]))
            passed = np.array([metres * METRE_TICKS, max(0.0, seconds) * SECOND_TICKS])
            self._aim = self._now + np.minimum(passed, HOPS * ROUND)
        self._last = stamp, place.copy()

    def advance(self) -> float:
        """Go on by at most a round; return how many ticks, of the clock that went farther, passed. 0: arrived."""
        step = np.minimum(self._aim - self._now, ROUND)
        self._now = self._now + step
        self.ticks = (np.floor(self._now).astype(np.int64) % 256).astype(np.int32)
        return float(step.max())
