"""What runs have found, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Table

from ssc_ros.assembly.statistics import OWN_STAGES, TOTAL
from ssc_ros.core import SscError
from ssc_ros.messages.drops import Drop
from ssc_ros.profiling.document import Document
from ssc_ros.profiling.ros.said import DROPS, GRID
from ssc_ros.profiling.ros.usage import Sample, Usage
from ssc_ros.profiling.spread import percentiles

WARM = 10
"""Grids at the start whose times do not count."""
SECOND, MILLISECOND = 1e9, 1e6

Stamped = Sequence[tuple[int, int]]
"""Stamps, and when something happened to what bears them [ns]."""
Milliseconds = NDArray[np.float64]

SENDING, ARRIVAL, BESIDE = "stamp to sent", "stamp to arrival at the subscriber", "beside inference"
PROCESSING, INFERENCE = "arrival in the node to publication", "inference"


@dataclass(frozen=True)
class Tail:
    """Percentiles of a time [ms]."""

    p50: float
    p95: float
    p99: float
    count: int

    @staticmethod
    def of(values: Milliseconds) -> Tail:
        """Percentiles of at least one value, interpolated."""
        p50, p95, p99 = percentiles(values, 50, 95, 99)
        return Tail(p50, p95, p99, len(values))

    def __str__(self) -> str:
        return " / ".join(f"{value:.1f}" for value in (self.p50, self.p95, self.p99))


@dataclass(frozen=True)
class Run:
    """One rate.

    Attributes:
        hz: frames per second that were asked for.
        sent: frames that the publisher sent.
        drops: what the node left out, by reason.
        lost: frames of which the node knows nothing: they did not reach it.
        published, arrived: grids that the node sent, and those that reached the subscriber.
        throughput: grids that arrived in a second.
        times: by name.
        processes: by name.
    """

    hz: float
    sent: int
    drops: Mapping[str, int]
    lost: int
    published: int
    arrived: int
    throughput: float
    times: Mapping[str, Tail]
    processes: Mapping[str, Usage]

    @staticmethod
    def of(
        hz: float,
        sent: Stamped,
        said: Sequence[tuple[str, Any]],
        samples: Mapping[str, Sequence[Sample]],
    ) -> Run:
        """Put together what the processes have said.

        Args:
            hz: frames per second that were asked for.
            sent: stamp of each frame, and when it had been sent [ns].
            said: what the subscriber said, in the order in which it did.
            samples: of each process.

        Raises:
            SscError: fewer than two grids arrived, reports of the node did not, or there are too few samples.
        """
        grids = [value for word, value in said if word == GRID]
        if len(grids) < 2:
            raise SscError(f"{len(sent)} frames were sent, but {len(grids)} grids arrived: too few to measure anything")
        stages = {name: np.array([value for word, value in said if word == name]) for name in (*OWN_STAGES, TOTAL)}
        published = len(stages[TOTAL])
        if any(len(values) != published for values in stages.values()):
            raise SscError("some of the node's reports on its stages did not reach the subscriber; try again")
        drops: Mapping[str, int] = next((value for word, value in reversed(said) if word == DROPS), {})
        begin, end = sent[0][0], sent[-1][0]
        within = {name: [s for s in taken if begin <= s.time <= end] for name, taken in samples.items()}
        if any(len(taken) < 2 for taken in within.values()):
            raise SscError("the run was too short to see what the processes take; choose more --seconds")
        return Run(
            hz,
            len(sent),
            drops,
            len(sent) - published - dropped(drops),
            published,
            len(grids),
            (len(grids) - 1) * SECOND / (grids[-1][1] - grids[0][1]),
            {name: Tail.of(_warm(values)) for name, values in _times(sent, grids, stages).items()},
            {name: Usage.of(taken) for name, taken in within.items()},
        )


def dropped(drops: Mapping[str, int]) -> int:
    """How many frames the drops have cost."""
    # a pair without its cloud counts both images
    weights = {reason.value: 0.5 if reason is Drop.NO_CLOUD else 1 for reason in Drop if reason.costs_a_frame}
    return round(sum(weights.get(reason, 0) * count for reason, count in drops.items()))


def _times(sent: Stamped, grids: Stamped, stages: Mapping[str, Milliseconds]) -> dict[str, Milliseconds]:
    """All times [ms]; what is called `BESIDE` is the sum of the rows that begin with it."""
    own = {f"{BESIDE}: {name}": stages[name] for name in OWN_STAGES}
    beside = np.sum(list(own.values()), axis=0)
    return {
        SENDING: _since(sent),
        ARRIVAL: _since(grids),
        PROCESSING: stages[TOTAL],
        INFERENCE: stages[TOTAL] - beside,
        BESIDE: beside,
        **own,
    }


def _since(stamped: Stamped) -> Milliseconds:
    return np.array([(then - stamp) / MILLISECOND for stamp, then in stamped])


def _warm(values: Milliseconds) -> Milliseconds:
    return values[min(WARM, len(values) // 2) :]


@dataclass(frozen=True)
class Result(Document):
    """One call of `ssc-ros benchmark ros`.

    Attributes:
        what: was measured.
        frame: what was sent.
        runs: one for each rate.
    """

    FORMAT = "ssc_ros.benchmark.ros/1"
    what: str
    frame: str
    runs: Sequence[Run]

    def table(self) -> Table:
        """For a terminal: a column for each rate."""
        table = Table(title=escape(f"{self.what}; {self.frame}"), caption=self.where)
        table.add_column("", no_wrap=True)
        for run in self.runs:
            table.add_column(f"{run.hz:g} Hz", justify="right")
        for section in zip(*map(_sections, self.runs), strict=True):
            for rows in zip(*section, strict=True):
                table.add_row(escape(rows[0][0]), *(value for _, value in rows))
            table.add_section()
        return table


def _sections(run: Run) -> tuple[list[tuple[str, str]], ...]:
    """Rows of a run: counts, times, processes."""
    counts = [
        ("frames sent", str(run.sent)),
        ("dropped by the node", ", ".join(f"{count} {reason}" for reason, count in run.drops.items()) or "0"),
        ("lost on the way to the node", str(run.lost)),
        ("grids published, arrived", f"{run.published}, {run.arrived}"),
        ("grids per second", f"{run.throughput:.1f}"),
    ]
    times = [(f"{name} [ms]", str(tail)) for name, tail in run.times.items()]
    usages = []
    for name, usage in run.processes.items():
        usages += [
            (f"{name}: CPU seconds per second", f"{usage.cpu:.2f}"),
            (f"{name}: resident memory [MB]", f"{usage.resident:.0f}, peak {usage.peak:.0f}, {usage.growth:+.1f}"),
        ]
    return counts, times, usages
