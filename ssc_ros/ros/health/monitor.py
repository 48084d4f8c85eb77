"""Once a second: /diagnostics, and a look whether there are results, else why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from ssc_ros.ros.branch import Branch
from ssc_ros.ros.health import diagnostics
from ssc_ros.ros.qos import LOG, QosWatch
from ssc_ros.ros.subscriptions import Subscriptions

PERIOD = 1.0


@dataclass
class Monitor:
    """Watches a configured node.

    Attributes:
        node: keeps the timer; by the wall clock, so that a paused replay is noticed.
        branches, subscriptions, qos_watch: what is watched.
    """

    node: Node
    branches: Sequence[Branch]
    subscriptions: Subscriptions
    qos_watch: QosWatch

    def __post_init__(self) -> None:
        self._publisher = self.node.create_publisher(DiagnosticArray, "/diagnostics", LOG)
        self._timer = self.node.create_timer(PERIOD, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def destroy(self) -> None:
        """Stop watching."""
        self.node.destroy_timer(self._timer)
        self.node.destroy_publisher(self._publisher)

    def _tick(self) -> None:
        if self.subscriptions.active:
            for branch in self.branches:
                branch.look()
        message = DiagnosticArray()
        message.header.stamp = self.node.get_clock().now().to_msg()
        message.status = [
            diagnostics.connections_status(self.subscriptions.all, self._conflicts()),
            diagnostics.model_status(self.branches[0]),
            *(status for branch in self.branches for status in branch.report()),
        ]
        node_name = self.node.get_fully_qualified_name().lstrip("/")
        for status in message.status:
            status.name = f"{node_name}: {status.name}"
            status.hardware_id = self.branches[0].network.metadata.model_id
        self._publisher.publish(message)

    def _conflicts(self) -> Iterator[str]:
        for topic in self.subscriptions.all:
            yield from self.qos_watch.unfit_publishers(topic.name)
        for branch in self.branches:
            for name in branch.topics:
                yield from self.qos_watch.unfit_subscribers(name)
