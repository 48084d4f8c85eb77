"""How often something was left out, by reason; each reason is explained in the log now and then."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from threading import Lock

from ssc_ros.messages.drops import Drop, UnusableInput


class DropCounter:
    """Counts by reason, from several threads, and explains each reason now and then."""

    def __init__(
        self, warn: Callable[[str], None], quiet: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is counted yet.

        Args:
            warn: logs a sentence.
            quiet: shortest time between two explanations of one reason [s].
            clock: [s].
        """
        self._warn = warn
        self._quiet = quiet
        self._clock = clock
        self._counts: Counter[Drop] = Counter()
        self._texts: dict[Drop, str] = {}
        self._told: dict[Drop, float] = {}
        self._lock = Lock()

    def add(self, reason: Drop, count: int = 1) -> None:
        """Count some more."""
        with self._lock:
            self._counts[reason] += count

    def explain(self, error: UnusableInput) -> None:
        """Count one more, and log the text unless that was done a moment ago."""
        self.add(error.reason)
        self.remark(error.reason, str(error))

    def remark(self, reason: Drop, text: str) -> None:
        """Explain what was counted already, and log the text unless that was done a moment ago."""
        now = self._clock()
        with self._lock:
            count = self._counts[reason]
            self._texts[reason] = text
            tell = now - self._told.get(reason, -math.inf) >= self._quiet
            if tell:
                self._told[reason] = now
        if tell:
            self._warn(f"dropped as '{reason.value}' ({count} so far): {text}")

    def reset(self) -> None:
        """Forget all counts and explanations."""
        with self._lock:
            self._counts.clear()
            self._texts.clear()
            self._told.clear()

    def counts(self) -> dict[Drop, int]:
        """Count of every reason that occurred, in the order of `Drop`."""
        with self._lock:
            return {reason: self._counts[reason] for reason in Drop if self._counts[reason]}

    def explanations(self) -> dict[Drop, str]:
        """The last explanation of each reason that has one."""
        with self._lock:
            return dict(self._texts)

    @property
    def frames(self) -> int:
        """How often something was lost that costs a frame [-]; a pair counts each of its images."""
        return sum(count for reason, count in self.counts().items() if reason.costs_a_frame)
