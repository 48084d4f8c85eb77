"""Collects what a node publishes: grids, labels of points, and what it says about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import PointCloud2

from ssc_ros.core import SemanticGrid
from ssc_ros.messages.codec import decode
from ssc_ros.messages.point_records import SEMANTIC_POINT
from ssc_ros.messages.stamps import header_stamp
from ssc_ros.messages.topics import NODE
from ssc_ros_msgs.msg import SemanticVoxelGrid, Status


class GridRecorder:
    """A subscriber of `~/grid` and `~/status`, and perhaps of `~/points_semantic` and `~/fused_grid`.

    Attributes:
        statuses: what the node said about each grid.
        sweeps: (N,) train ids of the points of each sweep, by stamp [ns].
    """

    def __init__(self, wanted: Callable[[int], bool], with_sweeps: bool = False, with_map: bool = False) -> None:
        """Subscribe, on a context of its own.

        Args:
            wanted: whether to keep the grid of a stamp [ns].
            with_sweeps: listen to labelled points, too.
            with_map: listen to fused grids, too.
        """
        self.statuses: list[Status] = []
        self.sweeps: dict[int, NDArray[np.uint8]] = {}
        self._wanted = wanted
        self._messages: dict[int, SemanticVoxelGrid] = {}
        self._fused: dict[int, SemanticVoxelGrid] = {}
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        node = rclpy.create_node("ssc_recorder", context=self._context)
        self._matched: set[str] = set()
        listened: list[tuple[type, str, Callable[[Any], None], int]] = [
            (SemanticVoxelGrid, "grid", partial(self._keep, self._messages), 10),
            (Status, "status", self.statuses.append, 100),
        ]
        if with_sweeps:
            listened.append((PointCloud2, "points_semantic", self._take_sweep, 10))
        if with_map:
            listened.append((SemanticVoxelGrid, "fused_grid", partial(self._keep, self._fused), 10))
        self._topics = len(listened)
        for kind, name, take, depth in listened:
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
        return len(self._matched) == self._topics

    @property
    def kept(self) -> Set[int]:
        """Stamps of the wanted grids that have come [ns]."""
        return self._messages.keys()

    @property
    def fused_kept(self) -> Set[int]:
        """Stamps of the wanted fused grids that have come [ns]."""
        return self._fused.keys()

    def fused(self) -> Mapping[int, SemanticGrid]:
        """Return the wanted fused grids by stamp [ns].

        Raises:
            CodecError: a message is malformed.
        """
        return {stamp: decode(message) for stamp, message in self._fused.items()}

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

    def _keep(self, kept: dict[int, SemanticVoxelGrid], message: SemanticVoxelGrid) -> None:
        stamp = header_stamp(message)
        if self._wanted(stamp):
            kept[stamp] = message

    def _take_sweep(self, message: PointCloud2) -> None:
        self.sweeps[header_stamp(message)] = np.frombuffer(message.data, SEMANTIC_POINT)["label"].copy()


@contextmanager
def grid_recorder(
    wanted: Callable[[int], bool], with_sweeps: bool = False, with_map: bool = False
) -> Iterator[GridRecorder]:
    """A recorder for a block of code; arguments as `GridRecorder`."""
    recorder = GridRecorder(wanted, with_sweeps, with_map)
    try:
        yield recorder
    finally:
        recorder.close()
