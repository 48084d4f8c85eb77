"""What every benchmark says besides its numbers: medians with spread, the machine, the command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ssc_ros.core.files import write_atomically
from ssc_ros.evaluation.results import provenance
from ssc_ros.inference.stages import Span, clock_of
from ssc_ros.profiling.document import Document
from ssc_ros.profiling.machine import machine
from ssc_ros.profiling.spread import percentiles


@dataclass(frozen=True)
class Measured:
    """A quantity measured many times.

    Attributes:
        unit: such as "ms".
        count: how often it was measured.
        median, low, high: the 50th, 5th and 95th percentile.
        limit: the largest median that is allowed, or None.
    """

    unit: str
    count: int
    median: float
    low: float
    high: float
    limit: float | None = None

    @staticmethod
    def of(values: Sequence[float], unit: str, limit: float | None = None) -> Measured:
        """Percentiles of some values."""
        low, median, high = percentiles(values, 5, 50, 95)
        return Measured(unit, len(values), median, low, high, limit)


def repeated(work: Callable[[], object], repeats: int, device: str = "cpu") -> list[Span]:
    """Times of several calls."""
    now = clock_of(torch.device(device))
    spans = []
    for _ in range(repeats):
        begin = now()
        work()
        spans.append(now() - begin)
    return spans


@dataclass(frozen=True)
class Report(Document):
    """What a script found.

    Attributes:
        title: what was measured.
        command: that did.
        results: by name.
    """

    FORMAT = "ssc_ros.benchmark.script/1"
    title: str
    command: Sequence[str]
    results: Mapping[str, Measured]

    def table(self) -> Table:
        """For a terminal."""
        table = Table(title=escape(self.title), caption=self.where)
        table.add_column("")
        for column in ("median", "5 %", "95 %", "allowed", "n"):
            table.add_column(column, justify="right")
        for name, m in self.results.items():
            numbers = [f"{value:.2f} {m.unit}" for value in (m.median, m.low, m.high)]
            table.add_row(name, *numbers, "" if m.limit is None else f"{m.limit:g} {m.unit}", str(m.count))
        return table


def report(title: str, results: Mapping[str, Measured], file: Path | None) -> None:
    """Print a table, and write the same as JSON if a file is named."""
    found = Report(title, sys.orig_argv[1:], results, machine=machine(), provenance=provenance())
    Console().print(found.table())
    if file:
        write_atomically(file, found.to_json().encode())
