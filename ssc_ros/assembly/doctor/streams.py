"""Whether the messages of a topic come regularly, and those of two topics together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.assembly.doctor.findings import Finding, wrong
from ssc_ros.messages.drops import UnusableInput
from ssc_ros.messages.stamps import SECOND, header_stamp

LOST = 0.1
"""Share of missing messages from which something is wrong."""

CLOCK_TOLERANCE = 0.5
"""How far stamps may be off the clock of the machine that reads them [s]."""


@dataclass
class Stream:
    """What came on one topic.

    Attributes:
        what: the input, for people.
        topic: resolved name.
        count: messages that came.
        stamps: of all messages [ns].
        ages: how old each message was when it came [ns]; empty where that says nothing, as in a bag.
        newest: the last message, or None.
        missing: why nothing came, if nothing did.
    """

    what: str
    topic: str
    stamps: list[int] = field(default_factory=list)
    ages: list[int] = field(default_factory=list)
    newest: Any | None = None
    missing: str = ""

    def take(self, message: Any, now: int | None = None) -> None:
        """Note a message that came at a time [ns]."""
        self.newest = message
        self.stamps.append(header_stamp(message))
        if now is not None:
            self.ages.append(now - self.stamps[-1])

    @property
    def count(self) -> int:
        """How many messages came."""
        return len(self.stamps)

    @property
    def period(self) -> float:
        """Median time between stamps [s]; NaN of fewer than two."""
        gaps = np.diff(self.stamps)
        return float(np.median(gaps)) / SECOND if len(gaps) else float("nan")

    def describe(self, content: Callable[[Any], str]) -> Finding:
        """Say how the messages come, or why none does.

        Args:
            content: says what is in a message; raises UnusableInput for one that cannot be used.
        """
        if self.newest is None:
            return wrong(self.what, self.missing)
        rate = f", {1 / self.period:.1f} Hz" if self.period > 0 else ""
        trouble = self._irregular() or self._strange_clock()
        try:
            described = content(self.newest)
        except UnusableInput as error:
            trouble = str(error)
        if trouble:
            return wrong(self.what, f"{self.topic}{rate}: {trouble}")
        return Finding(self.what, f"{self.topic}{rate}, {described}")

    def _irregular(self) -> str:
        gaps = np.diff(self.stamps)
        if not len(gaps):
            return ""
        if (gaps == 0).mean() > LOST:
            return "the stamps do not grow; let the driver set header.stamp of each message"
        gaps = gaps[gaps > 0]  # a replay that starts again goes back
        if not self.period > 0:
            return "the stamps go back more often than they grow; let the driver set header.stamp of each message"
        lost = int((np.rint(gaps / SECOND / self.period) - 1).clip(0).sum())
        share = lost / (lost + self.count)
        if share <= LOST:
            return ""
        return (
            f"{share:.0%} of the messages are missing, the longest gap is {gaps.max() / SECOND:.2f} s: large messages "
            "get lost on default transports, so give the publisher config/fastdds.xml (see there), or publish reliably"
        )

    def _strange_clock(self) -> str:
        if not self.ages:
            return ""
        age = float(np.median(self.ages)) / SECOND
        if abs(age) <= CLOCK_TOLERANCE:
            return ""
        side = "behind" if age > 0 else "ahead of"
        return (
            f"the stamps lie {abs(age):.3f} s {side} this machine's clock: synchronise the machines' clocks, or, in a "
            "replay, set use_sim_time"
        )


def describe_pairing(left: Stream, right: Stream, slop: int, pairs: int) -> Finding:
    """Say whether left and right images belong together.

    Args:
        left, right: images that came.
        slop: largest difference of stamp within a pair [ns].
        pairs: how many pairs the node's synchroniser has made of them.
    """
    offset = float(np.median(nearest_offsets(left.stamps, right.stamps)))
    share = min(1.0, pairs / max(min(left.count, right.count), 1))
    if offset > slop:
        return wrong(
            "pairing",
            f"the stamps of {left.topic} and {right.topic} differ by {offset / SECOND:.6f} s, more than sync.slop = "
            f"{slop / SECOND:g} s: let one clock stamp both cameras, or raise sync.slop (below half of the period)",
        )
    if share < 1 - LOST:
        return wrong(
            "pairing",
            f"only {share:.0%} of the images have a partner within sync.slop = {slop / SECOND:g} s: trigger both "
            "cameras together, and see that no images get lost",
        )
    return Finding("pairing", f"{pairs} pairs, stamps {offset / SECOND:.6f} s apart (sync.slop {slop / SECOND:g} s)")


def nearest_offsets(stamps: Sequence[int], others: Sequence[int]) -> NDArray[np.int64]:
    """Return how far the nearest of the others is from each stamp, in any order.

    Args:
        stamps: (N,) [ns].
        others: at least one [ns].

    Returns:
        (N,) int64 [ns].
    """
    ours, theirs = np.asarray(stamps, np.int64), np.sort(np.asarray(others, np.int64))
    after = np.searchsorted(theirs, ours).clip(0, len(theirs) - 1)
    before = (after - 1).clip(0)
    return np.asarray(np.minimum(np.abs(theirs[after] - ours), np.abs(theirs[before] - ours)))
