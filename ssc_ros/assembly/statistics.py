"""Rates and latencies of the last seconds, and the names of the stages that are timed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

import numpy as np

OWN_STAGES = ("waiting", "conversion", "publication")
"""Stages that the node times itself: until a complete set is taken up, messages to frame, grid to messages in turn."""
TOTAL = "total"
"""Arrival to publication: the node's own stages and the completer's."""


class Rate:
    """How often something happens."""

    def __init__(self, window: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing happened yet.

        Args:
            window: what happened longer ago is forgotten [s].
            clock: [s].
        """
        self._window = window
        self._clock = clock
        self._times: deque[float] = deque(maxlen=10_000)
        self.total = 0

    def tick(self) -> None:
        """It happened now."""
        self._times.append(self._clock())
        self.total += 1

    @property
    def hertz(self) -> float:
        """Mean rate over the window [1/s]; 0 if it happened less than twice."""
        now = self._clock()
        while self._times and self._times[0] < now - self._window:
            self._times.popleft()
        if len(self._times) < 2:
            return 0.0
        # up to now, not up to the last time: a stream that stopped must be seen to slow down
        return (len(self._times) - 1) / max(now - self._times[0], 1e-9)


class Latencies:
    """The last values of a duration. Written by one thread, read by another."""

    def __init__(self, count: int = 200) -> None:
        self._values: deque[float] = deque(maxlen=count)
        self._lock = Lock()

    def add(self, seconds: float) -> None:
        """Take a value [s]."""
        with self._lock:
            self._values.append(seconds)

    def percentile(self, q: float) -> float | None:
        """The q-th percentile [s], q in 0..100; None without values."""
        with self._lock:
            values = list(self._values)
        return float(np.percentile(values, q)) if values else None
