"""Once a second: /diagnostics, and a look whether there are results, else why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.watchdog import Vigil, explain_no_sweeps, explain_silence
from ssc_ros.messages.drops import Drop
from ssc_ros.ros.completion import Pipeline
from ssc_ros.ros.health import diagnostics
from ssc_ros.ros.inputs import Inputs
from ssc_ros.ros.qos import LOG, QosWatch
from ssc_ros.ros.segmentation import Segmentation

PERIOD = 1.0


@dataclass
class Monitor:
    """Watches a configured node.

    Attributes:
        node: keeps the timer; by the wall clock, so that a paused replay is noticed.
        settings: the current ones; may be replaced.
        inputs, pipeline, qos_watch: what is watched.
        warn: logs a sentence.
        segmentation: watched too, where there is one.
    """

    node: Node
    settings: Settings
    inputs: Inputs
    pipeline: Pipeline
    qos_watch: QosWatch
    warn: Callable[[str], None]
    segmentation: Segmentation | None = None
    _drops: dict[Drop, int] = field(default_factory=dict)
    _sweep_drops: dict[Drop, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pipeline, sweeps = self.pipeline, self.segmentation
        self._frames = Vigil(
            "grid",
            lambda: pipeline.published.total + pipeline.skipped,
            pipeline.drops,
            self._explain_frames,
            self.warn,
        )
        self._sweeps = sweeps and Vigil(
            "labelled sweep",
            lambda: sweeps.published.total + sweeps.skipped,
            sweeps.drops,
            lambda drops: explain_no_sweeps(self.inputs.sweeps(), drops, sweeps.drops.explanations()),
            self.warn,
        )
        self._publisher = self.node.create_publisher(DiagnosticArray, "/diagnostics", LOG)
        self._timer = self.node.create_timer(PERIOD, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.restart()

    def restart(self) -> None:
        """Begin a new watch, as after activation."""
        self._frames.restart()
        if self._sweeps:
            self._sweeps.restart()

    def destroy(self) -> None:
        """Stop watching."""
        self.node.destroy_timer(self._timer)
        self.node.destroy_publisher(self._publisher)

    def _tick(self) -> None:
        cameras, period = self.settings.camera.enabled, self.settings.diagnostics.watchdog_period
        if self.inputs.active and cameras:
            self._frames.look(period)
        if self.inputs.active and self._sweeps:
            self._sweeps.look(period)
        message = DiagnosticArray()
        message.header.stamp = self.node.get_clock().now().to_msg()
        message.status = [
            diagnostics.connections_status(self.pipeline, self.inputs.all, self._conflicts()),
            diagnostics.model_status(self.pipeline, self.settings),
        ]
        if cameras:
            message.status.append(diagnostics.frames_status(self.pipeline, self.settings, self._frames.silence))
            message.status.append(diagnostics.drops_status(self.pipeline, self._drops))
        if self.segmentation and self._sweeps:
            said = diagnostics.segmentation_status(
                self.segmentation, self.pipeline, self._sweep_drops, self._sweeps.silence
            )
            message.status.append(said)
            self._sweep_drops = self.segmentation.drops.counts()
        node_name = self.node.get_fully_qualified_name().lstrip("/")
        for status in message.status:
            status.name = f"{node_name}: {status.name}"
        self._drops = self.pipeline.drops.counts()
        self._publisher.publish(message)

    def _explain_frames(self, drops: Mapping[Drop, int]) -> str:
        slop = round(1e9 * self.settings.sync.slop)
        return explain_silence(self.inputs.required(), slop, drops, self.pipeline.drops.explanations())

    def _conflicts(self) -> Iterator[str]:
        for item in self.inputs.all:
            yield from self.qos_watch.unfit_publishers(item.topic)
        sweeps = [self.segmentation.topic] if self.segmentation else []
        for topic in (*self.pipeline.outputs.topics, *sweeps):
            yield from self.qos_watch.unfit_subscribers(topic)
