"""What a run has found, as JSON and as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from ssc_ros.inference.stages import Span
from ssc_ros.profiling.document import Document
from ssc_ros.profiling.roofline import Roofline
from ssc_ros.profiling.setting import Setting
from ssc_ros.profiling.spread import CLOCKS, Timing
from ssc_ros.profiling.subject import NETWORK, WHOLE


@dataclass(frozen=True)
class Measurement:
    """One setting.

    Attributes:
        setting: what was measured.
        stages: by stage; "outer/inner" is a part of "outer".
        roofline: of its network.
    """

    setting: Setting
    stages: Mapping[str, Timing]
    roofline: Roofline

    @staticmethod
    def of(setting: Setting, rounds: Sequence[Mapping[str, Span]], roofline: Roofline) -> Measurement:
        """What some rounds of a subject say."""
        return Measurement(setting, {name: Timing.of([r[name] for r in rounds]) for name in rounds[0]}, roofline)


@dataclass(frozen=True)
class Result(Document):
    """One run of `ssc-ros benchmark`.

    Attributes:
        measurements: one, the two that were compared, or one for each backend.
        ratios: the first's median over the second's, by stage that both have; none where one was measured.
        memory: of this process [MB], at moments of the run.
        frame: where the frame is from.
    """

    FORMAT = "ssc_ros.benchmark/1"
    measurements: Sequence[Measurement]
    ratios: Mapping[str, Timing]
    memory: Mapping[str, float]
    frame: str

    def tables(self) -> list[Table]:
        """For a terminal: one for each setting, and one of the ratios."""
        tables = [_table(m) for m in self.measurements]
        if self.ratios:
            names = [m.setting.name for m in self.measurements]
            tables.append(_ratios(self.ratios, names[0], names[1]))
        return tables

    def overview(self) -> Table:
        """For a terminal: the medians of all settings beside each other."""
        table = Table(title="milliseconds, medians of wall | CPU, measured in turns")
        table.add_column("stage", no_wrap=True)
        for measurement in self.measurements:
            table.add_column(escape(measurement.setting.name), justify="right")
        stages = {name: None for measurement in self.measurements for name in measurement.stages}
        for name in in_order(stages):
            found = [measurement.stages.get(name) for measurement in self.measurements]
            cells = (f"{_number(t.wall.median)} | {_number(t.cpu.median)}" if t else "" for t in found)
            table.add_row(_indented(name), *cells)
        return table

    def facts(self) -> list[str]:
        """Lines below the tables."""
        memory = ", ".join(f"{round(value)} MB {when}" for when, value in self.memory.items())
        return [f"memory: {memory}", f"{self.frame}; {self.where}"]


def compared(first: Sequence[Mapping[str, Span]], second: Sequence[Mapping[str, Span]]) -> dict[str, Timing]:
    """Ratios by stage, of the rounds of two subjects."""
    shared = [name for name in first[0] if name in second[0] and all(r[name].cpu > 0 < r[name].wall for r in second)]
    return {name: Timing.of_ratio([r[name] for r in first], [r[name] for r in second]) for name in shared}


def _table(measurement: Measurement) -> Table:
    stages, roofline = measurement.stages, measurement.roofline
    whole, network = stages[WHOLE], stages[NETWORK].cpu.median
    table = _columns(f"{measurement.setting.name}: milliseconds, {whole.wall.count} times", "of CPU")
    for name in in_order(stages):
        share = stages[name].cpu.median / whole.cpu.median
        table.add_row(_indented(name), *_cells(stages[name], _number), f"{share:.1%}")
    table.add_section()
    work = f"{roofline.flops / 1e9:.1f} GFLOPs", f"{roofline.bytes / 1e9:.2f} GB"
    for what, wall, cpu in zip(work, roofline.limits("wall"), roofline.limits("cpu"), strict=True):
        table.add_row(f"network's {what}", _number(wall), "", _number(cpu), "", f"{cpu / network:.1%}")
    rates = (f"{gflops:.0f} GFLOPs, {gigabytes:.1f} GB" for gflops, gigabytes in map(roofline.rates, CLOCKS))
    table.caption = (
        "Last rows: the network's work at the speed of one large product and one large copy, in % of the network. That "
        "speed: {} in a second, {} in a CPU second.".format(*rates)
    )
    return table


def _ratios(ratios: Mapping[str, Timing], first: str, second: str) -> Table:
    table = _columns(f"({first}) / ({second}): ratios of medians, measured in turns")
    for name in in_order(ratios):
        table.add_row(_indented(name), *_cells(ratios[name], "{:.2f}".format))
    return table


def _columns(title: str, *more: str) -> Table:
    table = Table(title=escape(title))
    table.add_column("stage", no_wrap=True)
    for column in ("wall", "10 .. 90 %", "CPU", "10 .. 90 %", *more):
        table.add_column(column, justify="right")
    return table


def in_order(stages: Mapping[str, object]) -> list[str]:
    """Names with each stage's parts behind it; siblings stay in their order."""
    names = list(stages)

    def place(name: str) -> list[int]:
        parts = name.split("/")
        paths = ("/".join(parts[: i + 1]) for i in range(len(parts)))
        return [names.index(path) if path in stages else len(names) for path in paths]

    return sorted(names, key=place)


def _indented(name: str) -> str:
    return "  " * name.count("/") + escape(name.rpartition("/")[2])


def _cells(timing: Timing, written: Callable[[float], str]) -> list[str]:
    spreads = (timing.wall, timing.cpu)
    return [cell for s in spreads for cell in (written(s.median), f"{written(s.p10)} .. {written(s.p90)}")]


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
