"""The subscriber: says of each grid when it arrived, and what the node says of it.

python -m ssc_ros.profiling.ros.subscriber
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Float64

from ssc_ros.assembly.statistics import OWN_STAGES, TOTAL
from ssc_ros.messages.stamps import header_stamp
from ssc_ros.messages.topics import NODE
from ssc_ros.profiling.ros.said import CONNECTED, DROPS, GRID, say
from ssc_ros.ros.executor import events_executor, spin
from ssc_ros_msgs.msg import SemanticVoxelGrid

DEPTH = 1000
"""Of the queues: whatever the machine does, no report shall be lost."""


def listen(node: Node) -> None:
    """Print what arrives; the first line says that all publishers have been matched."""
    listened: list[tuple[type, str, Callable[[Any], None]]] = [
        (SemanticVoxelGrid, f"{NODE}/grid", lambda grid: say(GRID, (header_stamp(grid), time.time_ns()))),
        (DiagnosticArray, "/diagnostics", _say_drops),
        *((Float64, f"debug/processing_time/{name}_ms", partial(_say_time, name)) for name in (*OWN_STAGES, TOTAL)),
    ]
    unmatched = {topic for _, topic, _ in listened}

    def match(topic: str, event: Any) -> None:
        if unmatched:
            unmatched.discard(topic)
            if not unmatched:
                say(CONNECTED, None)

    for kind, topic, take in listened:
        events = SubscriptionEventCallbacks(matched=partial(match, topic))
        node.create_subscription(kind, topic, take, QoSProfile(depth=DEPTH), event_callbacks=events)


def _say_time(stage: str, message: Float64) -> None:
    say(stage, message.data)


def _say_drops(message: DiagnosticArray) -> None:
    for status in message.status:
        if status.name == f"{NODE}: drops":
            say(DROPS, {pair.key: int(pair.value) for pair in status.values})


def main() -> None:
    """Listen until interrupted."""
    rclpy.init()
    node = rclpy.create_node("ssc_subscriber")
    listen(node)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        spin(events_executor(node), Event())
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
