"""Time that follows a recording instead of the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class SimulatedTime:
    """A clock that starts at a stamp, runs `rate` times as fast as the wall clock, and can be held. Thread-safe."""

    def __init__(
        self,
        rate: float = 1.0,
        wall: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """A clock held at 0.

        Args:
            rate: simulated seconds per second of the wall clock.
            wall: the wall clock [ns].
            sleep: waits so many seconds of the wall clock.
        """
        self.rate = rate
        self._wall = wall
        self._sleep = sleep
        self._lock = Lock()
        self._stamp = 0
        self._since: int | None = None

    def now(self) -> int:
        """Simulated time [ns]."""
        with self._lock:
            return self._now()

    def restart(self, stamp: int) -> None:
        """Go on from `stamp` [ns], forwards or backwards."""
        with self._lock:
            self._stamp, self._since = stamp, self._wall()

    def hold(self) -> None:
        """Stand still until `resume`."""
        with self._lock:
            self._stamp, self._since = self._now(), None

    def resume(self) -> None:
        """Go on from where it was held."""
        with self._lock:
            if self._since is None:
                self._since = self._wall()

    def sleep_until(self, stamp: int) -> None:
        """Wait until simulated time has reached `stamp` [ns]; the clock must be running."""
        while (remaining := stamp - self.now()) > 0:
            self._sleep(remaining / self.rate / 1e9)

    def _now(self) -> int:
        if self._since is None:
            return self._stamp
        return self._stamp + round((self._wall() - self._since) * self.rate)
