"""How a node is spun for little CPU time."""

from __future__ import annotations

from threading import Event

from rclpy.executors import Executor
from rclpy.node import Node

TURN = 1.0
"""An executor waits so long at once [s]. One of events that may wait for ever asks all the time (rclpy 7.1.6)."""


def events_executor(node: Node) -> Executor:
    """An executor of one node, which is told what has come.

    rclpy's other executors make a wait set of all that the node listens to, again for each message, in Python: that
    takes twice the CPU time. An rclpy before 7.1.4 has no others.
    """
    try:
        from rclpy.experimental import EventsExecutor as Kind
    except ImportError:
        from rclpy.executors import SingleThreadedExecutor as Kind
    executor: Executor = Kind(context=node.context)
    executor.add_node(node)
    return executor


def spin(executor: Executor, stop: Event) -> None:
    """Run callbacks until `stop` is set, which `executor.shutdown()` after it lets be noticed at once.

    Raises:
        ExternalShutdownException: ROS was shut down.
    """
    while not stop.is_set():
        executor.spin_once(timeout_sec=TURN)
