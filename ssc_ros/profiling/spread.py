"""What is said of a quantity that was measured many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssc_ros.inference.stages import Span

CLOCKS = ("wall", "cpu")
MILLISECONDS = 1e3
RESAMPLED = 1000
"""How often the rounds are drawn anew for the spread of a ratio."""


def percentiles(values: Sequence[float] | NDArray[np.float64], *percent: float) -> tuple[float, ...]:
    """Return percentiles of at least one value, interpolated between neighbours."""
    return tuple(float(v) for v in np.percentile(values, percent))


@dataclass(frozen=True)
class Spread:
    """Percentiles.

    Attributes:
        median, p10, p90: the 50th, 10th and 90th percentile.
        count: of the values.
    """

    median: float
    p10: float
    p90: float
    count: int

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """Percentiles of at least one value, interpolated."""
        p10, median, p90 = percentiles(values, 10, 50, 90)
        return Spread(median, p10, p90, len(values))

    @staticmethod
    def of_ratio(above: Sequence[float], below: Sequence[float], rng: np.random.Generator) -> Spread:
        """The ratio of two medians, and how far it varies by the choice of rounds (bootstrap, Efron 1979).

        Args:
            above, below: two quantities, round by round: what slows one round down slows down both.
            rng: chooses the rounds.
        """
        pairs = np.array([above, below])
        chosen = rng.integers(pairs.shape[1], size=(RESAMPLED, pairs.shape[1]))
        ratios = np.divide(*np.median(pairs[:, chosen], axis=-1))
        p10, p90 = percentiles(ratios, 10, 90)
        return Spread(float(np.divide(*np.median(pairs, axis=1))), p10, p90, pairs.shape[1])


@dataclass(frozen=True)
class Timing:
    """Milliseconds, on the wall clock and in CPU time."""

    wall: Spread
    cpu: Spread

    @staticmethod
    def of(spans: Sequence[Span]) -> Timing:
        """Percentiles of spans."""
        return Timing(*(Spread.of([MILLISECONDS * getattr(s, clock) for s in spans]) for clock in CLOCKS))

    @staticmethod
    def of_ratio(above: Sequence[Span], below: Sequence[Span]) -> Timing:
        """The ratios of medians, without a unit."""
        rng = np.random.default_rng(0)
        return Timing(
            *(
                Spread.of_ratio([getattr(s, clock) for s in above], [getattr(s, clock) for s in below], rng)
                for clock in CLOCKS
            )
        )
