"""The goals of docs/performance.md, and whether what was measured meets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

from measurements import FULL
from measuring import Report
from peers import PEERS, Peer

from ssc_ros.profiling.document import Document
from ssc_ros.profiling.report import Result
from ssc_ros.profiling.ros.result import BESIDE, Run
from ssc_ros.profiling.ros.result import Result as NodeResult
from ssc_ros.profiling.subject import COMPLETE, NETWORK

Found = Mapping[str, Document]
Part = Callable[[Any], float]
MODEL, WHOLE = attrgetter("model"), attrgetter("whole")
"""What `Seconds` and `Peer` have in common."""
MILLISECONDS = 1e3


@dataclass(frozen=True)
class Seconds:
    """What a network of ours takes.

    Attributes:
        model: network and labels: what the published code does between its input tensors and its output.
        whole: from the rectified pair, or the sweep, to labels.
    """

    model: float
    whole: float

    @staticmethod
    def of(document: Document) -> Seconds:
        """Medians of the last setting of a benchmark, or of a script's first row."""
        if isinstance(document, Report):
            (median, *_) = (measured.median / MILLISECONDS for measured in document.results.values())
            return Seconds(median, median)
        assert isinstance(document, Result)
        stages = document.measurements[-1].stages
        network, labels, whole = (
            stages[name].wall.median / MILLISECONDS for name in (NETWORK, f"{COMPLETE}/labels", COMPLETE)
        )
        return Seconds(network + labels, whole)


@dataclass(frozen=True)
class Goal:
    """A limit of a quantity.

    Attributes:
        what: is measured.
        key: of the measurement.
        measure: the quantity, of what was found.
        limit: the largest value that is allowed.
        unit: such as "ms".
        at_least: the limit is the smallest value instead.
    """

    what: str
    key: str
    measure: Callable[[Any], float]
    limit: float
    unit: str
    at_least: bool = False

    def row(self, found: Found) -> list[str]:
        """What, goal, measured, and met, or by which factor not."""
        goal = f"at {'least' if self.at_least else 'most'} {number(self.limit)} {self.unit}"
        if self.key not in found:
            return [self.what, goal, "not measured", ""]
        value = self.measure(found[self.key])
        return [self.what, goal, f"{number(value)} {self.unit}", self.verdict(value)]

    def verdict(self, value: float) -> str:
        """Met, or by which factor not."""
        above, below = (self.limit, value) if self.at_least else (value, self.limit)
        if above <= below:
            return "met"
        return f"missed by a factor of {above / below:.2f}" if below else "missed"


def number(value: float) -> str:
    """A count, or three digits of anything else."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.{max(0, 3 - len(str(int(value))))}f}"


def against_peers(found: Found) -> Iterator[list[str]]:
    """Each published size beside its authors' code: model by model, and all that there is to it [s]."""
    for measurement, peer in FULL.items():
        document = found.get(measurement.key)
        row = [measurement.purpose]
        for part in MODEL, WHOLE:
            ours = "not measured" if document is None else number(part(Seconds.of(document)))
            times = "" if document is None else number(_times_faster(peer, part, document))
            row += [ours, number(part(peer)), times]
        yield row


def _times_faster(peer: Peer, part: Part, document: Document) -> float:
    return part(peer) / part(Seconds.of(document))


def _milliseconds(document: Document) -> float:
    return MILLISECONDS * Seconds.of(document).whole


def _without_a_grid(hz: float, result: NodeResult) -> float:
    """Frames that were sent at one rate, and whose grid did not arrive."""
    (run,) = (run for run in result.runs if run.hz == hz)
    return run.sent - run.arrived


def _beside(name: str, key: str) -> Iterator[Goal]:
    """Of the worst rate."""
    yield Goal(f"{name}, median", key, partial(_worst, lambda run: run.times[BESIDE].p50), 5, "ms")
    yield Goal(f"{name}, 99th percentile", key, partial(_worst, lambda run: run.times[BESIDE].p99), 10, "ms")


def _node(name: str, key: str) -> Iterator[Goal]:
    yield from _beside(f"{name}: beside inference", key)
    yield Goal(f"{name}: without a grid at 20 Hz for 60 s", key, partial(_without_a_grid, 20), 0, "frames")
    memory = f"{name}: resident memory"
    yield Goal(f"{memory}, median", key, partial(_worst, lambda run: run.processes["node"].resident), 1000, "MB")
    yield Goal(f"{memory}, largest", key, partial(_worst, lambda run: run.processes["node"].peak), 1000, "MB")


def _worst(quantity: Callable[[Run], float], result: NodeResult) -> float:
    return max(map(quantity, result.runs))


def _faster(what: str, key: str, factor: float, peer: Peer, part: Part) -> Goal:
    theirs = f"{peer.name}'s own code, {number(part(peer))} s"
    return Goal(f"{what} against {theirs}", key, partial(_times_faster, peer, part), factor, "times faster", True)


GOALS = (
    Goal("default checkpoint, from rectified pair to labels, stereo included", "compare", _milliseconds, 50, "ms"),
    *(
        _faster("the same", "compare", factor, PEERS[name], WHOLE)
        for name, factor in {"SGN-L": 600, "L2COcc-C": 680, "MonoScene": 230, "VLScene": 510}.items()
    ),
    *_node("node, two frames at once", "node-parallel"),
    *_node("node, one frame at once (default)", "node"),
    *_beside("node: beside inference of a network that takes no time", "node-alone"),
    *(_faster(m.purpose, m.key, 2, peer, MODEL) for m, peer in FULL.items()),
)
