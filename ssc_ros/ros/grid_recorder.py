"""Collects the grids that a node publishes, and what it says about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager

import rclpy
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile

from ssc_ros.core import SemanticGrid
from ssc_ros.ros.codec import decode
from ssc_ros.ros.synchronizer import header_stamp
from ssc_ros_msgs.msg import SemanticVoxelGrid, Status

NODE = "ssc_node"


class GridRecorder:
    """A subscriber of `~/grid` and `~/status`.

    Attributes:
        statuses: what the node said about each grid.
    """

    def __init__(self, wanted: Callable[[int], bool]) -> None:
        """Subscribe, on a context of its own.

        Args:
            wanted: whether to keep the grid of a stamp [ns].
        """
        self.statuses: list[Status] = []
        self._wanted = wanted
        self._messages: dict[int, SemanticVoxelGrid] = {}
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        node = rclpy.create_node("ssc_recorder", context=self._context)
        self._matched: set[str] = set()
        for kind, name, take, depth in (
            (SemanticVoxelGrid, "grid", self._take, 10),
            (Status, "status", self.statuses.append, 100),
        ):
            events = SubscriptionEventCallbacks(matched=lambda _, name=name: self._matched.add(name))
            node.create_subscription(kind, f"{NODE}/{name}", take, QoSProfile(depth=depth), event_callbacks=events)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)

    def spin_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Receive until a condition holds; False if it does not after `timeout` [s]."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                return False
            self._executor.spin_once(timeout_sec=0.1)
        return True

    @property
    def connected(self) -> bool:
        """Whether the node's publishers have been matched: what is published before that is lost."""
        return len(self._matched) == 2

    @property
    def kept(self) -> Set[int]:
        """Stamps of the wanted grids that have come [ns]."""
        return self._messages.keys()

    def grids(self) -> Mapping[int, SemanticGrid]:
        """The wanted grids by stamp [ns].

        Raises:
            CodecError: a message is malformed.
        """
        return {stamp: decode(message) for stamp, message in self._messages.items()}

    def close(self) -> None:
        """Unsubscribe."""
        self._executor.shutdown()
        rclpy.shutdown(context=self._context)

    def _take(self, message: SemanticVoxelGrid) -> None:
        stamp = header_stamp(message)
        if self._wanted(stamp):
            self._messages[stamp] = message


@contextmanager
def grid_recorder(wanted: Callable[[int], bool]) -> Iterator[GridRecorder]:
    """A recorder for a block of code."""
    recorder = GridRecorder(wanted)
    try:
        yield recorder
    finally:
        recorder.close()
