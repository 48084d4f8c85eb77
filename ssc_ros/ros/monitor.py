"""Once a second: /diagnostics, and a look whether there are results, else why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from ssc_ros.ros import diagnostics
from ssc_ros.ros.drops import Drop
from ssc_ros.ros.inputs import Inputs
from ssc_ros.ros.parameters import Settings
from ssc_ros.ros.pipeline import Pipeline
from ssc_ros.ros.qos import LOG, QosWatch
from ssc_ros.ros.watchdog import explain_silence

PERIOD = 1.0


@dataclass(frozen=True)
class _Look:
    """The counts at some moment."""

    time: float
    results: int
    drops: dict[Drop, int]


@dataclass
class Monitor:
    """Watches a configured node.

    Attributes:
        node: keeps the timer; by the wall clock, so that a paused replay is noticed.
        settings: the current ones; may be replaced.
        inputs, pipeline, qos_watch: what is watched.
        warn: logs a sentence.
        silence: why there is no result; empty if there is one.
    """

    node: Node
    settings: Settings
    inputs: Inputs
    pipeline: Pipeline
    qos_watch: QosWatch
    warn: Callable[[str], None]
    silence: str = ""
    _drops: dict[Drop, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._publisher = self.node.create_publisher(DiagnosticArray, "/diagnostics", LOG)
        self._timer = self.node.create_timer(PERIOD, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.restart()

    def restart(self) -> None:
        """Begin a new watch, as after activation."""
        self.silence = ""
        self._last = self._look()

    def destroy(self) -> None:
        """Stop watching."""
        self.node.destroy_timer(self._timer)
        self.node.destroy_publisher(self._publisher)

    def _tick(self) -> None:
        if self.inputs.active:
            self._watch()
        message = DiagnosticArray()
        message.header.stamp = self.node.get_clock().now().to_msg()
        message.status = [
            diagnostics.frames_status(self.pipeline, self.settings, self.silence),
            diagnostics.connections_status(self.pipeline, self.inputs.all, self._conflicts()),
            diagnostics.drops_status(self.pipeline, self._drops),
            diagnostics.model_status(self.pipeline, self.settings),
        ]
        node_name = self.node.get_fully_qualified_name().lstrip("/")
        for status in message.status:
            status.name = f"{node_name}: {status.name}"
        self._drops = self.pipeline.drops.counts()
        self._publisher.publish(message)

    def _look(self) -> _Look:
        return _Look(
            time.monotonic(), self.pipeline.published.total + self.pipeline.skipped, self.pipeline.drops.counts()
        )

    def _watch(self) -> None:
        now, last, period = self._look(), self._last, self.settings.diagnostics.watchdog_period
        if now.results > last.results:
            self.silence = ""
        elif period == 0 or now.time - last.time < period:
            return
        else:
            inputs = self.inputs.required()
            drops = {reason: count - last.drops.get(reason, 0) for reason, count in now.drops.items()}
            recent = {reason: count for reason, count in drops.items() if count > 0}
            slop = round(1e9 * self.settings.sync.slop)
            self.silence = explain_silence(inputs, slop, recent, self.pipeline.drops.explanations())
            self.warn(f"no grid for {now.time - last.time:.0f} s: {self.silence}")
        self._last = now

    def _conflicts(self) -> Iterator[str]:
        for item in self.inputs.all:
            yield from self.qos_watch.unfit_publishers(item.topic)
        for topic in self.pipeline.outputs.topics:
            yield from self.qos_watch.unfit_subscribers(topic)
