"""The outputs of the node; each does its work only while somebody subscribes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from nav_msgs.msg import OccupancyGrid
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Float64
from visualization_msgs.msg import MarkerArray

from ssc_ros.assembly.settings import Settings
from ssc_ros.core import LabelSet, SceneGrid, SemanticGrid, SscError
from ssc_ros.messages.codec import Encoding, encode
from ssc_ros.ros.outputs import messages
from ssc_ros.ros.outputs.markers import surface_markers
from ssc_ros.ros.qos import LATCHED, LATEST, LOG, OVERRIDES, QosWatch
from ssc_ros_msgs.msg import LabelInfo, SemanticVoxelGrid, Status

Build = Callable[[SemanticGrid, Settings], Any]


def grid_message(grid: SemanticGrid, settings: Settings) -> SemanticVoxelGrid:
    """Return a grid as the settings want it encoded."""
    shown = grid if settings.grid.confidence else replace(grid, confidence=None)
    return encode(shown, Encoding[settings.grid.encoding.upper()]).fill(SemanticVoxelGrid())


def _occupied(grid: SemanticGrid, settings: Settings) -> PointCloud2:
    return messages.surface_cloud(grid)


def _bev(grid: SemanticGrid, settings: Settings) -> OccupancyGrid:
    bev = settings.bev
    return messages.occupancy_map(grid, bev.free_classes, bev.min_height, bev.max_height)


def _markers(grid: SemanticGrid, settings: Settings) -> bytes:
    return surface_markers(grid, settings.markers.max_count)


@dataclass(frozen=True)
class Offer:
    """A topic that shows the grid, and whether it always shows the confidence."""

    topic: str
    type: type
    qos: QoSProfile
    build: Build
    shows_confidence: bool = False


OFFERS = (
    Offer("~/grid", SemanticVoxelGrid, LATEST, grid_message),
    Offer("~/occupied", PointCloud2, LATEST, _occupied, shows_confidence=True),
    Offer("~/bev", OccupancyGrid, LATCHED, _bev),
)
MARKERS = Offer("~/markers", MarkerArray, LATEST, _markers)


def offer(node: Node, qos_watch: QosWatch, kind: type, topic: str, qos: QoSProfile) -> Publisher:
    """A publisher whose quality of service parameters may override, and whose misfits are noticed."""
    return node.create_publisher(
        kind,
        topic,
        copy(qos),  # rclpy writes the user's overrides into the profile that it is given
        event_callbacks=qos_watch.of_publisher(topic),
        qos_overriding_options=OVERRIDES,
    )


@dataclass
class Outputs:
    """All publishers of the completed scenes.

    Attributes:
        node: creates them.
        settings: the current ones; may be replaced.
        qos_watch: told about subscribers whose QoS does not fit.
        timings: topics of `report`, without `_ms`.
    """

    node: Node
    settings: Settings
    qos_watch: QosWatch
    timings: Iterable[str]

    def __post_init__(self) -> None:
        offers = [*OFFERS, *([MARKERS] if self.settings.markers.enabled else [])]
        self._shown = [(shown, self._publisher(shown.type, shown.topic, shown.qos)) for shown in offers]
        self._status = self._publisher(Status, "~/status", LOG)
        # one more event to wait for, on each of so many small topics, would cost the executor more than it tells
        no_events = PublisherEventCallbacks(use_default_callbacks=False)
        self._timings = {
            name: self.node.create_publisher(Float64, f"debug/{name}_ms", LOG, event_callbacks=no_events)
            for name in self.timings
        }

    def _publisher(self, kind: type, topic: str, qos: QoSProfile) -> Publisher:
        return offer(self.node, self.qos_watch, kind, topic, qos)

    @property
    def topics(self) -> list[str]:
        """Resolved names of the topics that others are expected to subscribe to."""
        return [publisher.topic_name for publisher in (*(p for _, p in self._shown), self._status)]

    @property
    def wanted(self) -> bool:
        """Whether anybody listens to anything that needs a grid."""
        publishers = (*(publisher for _, publisher in self._shown), self._status, *self._timings.values())
        return any(publisher.get_subscription_count() for publisher in publishers)

    @property
    def want_confidence(self) -> bool:
        """Whether anything that is published shows how sure the network is."""
        return self.settings.grid.confidence or any(
            shown.shows_confidence and publisher.get_subscription_count() for shown, publisher in self._shown
        )

    def rehearse(self, scene: SceneGrid, label_set: LabelSet) -> None:
        """Build each message once for an empty grid, so that the first real one does not wait for compilers.

        Raises:
            SscError: the settings name classes that the label set does not have.
        """
        unknown = [name for name in self.settings.bev.free_classes if name not in label_set.names]
        if unknown:
            known = ", ".join(label_set.names)
            raise SscError(f"parameter bev.free_classes names {unknown}; the checkpoint's classes are {known}")
        empty = SemanticGrid(np.zeros(scene.shape, np.uint8), scene, label_set)
        for shown, _ in self._shown:
            shown.build(empty, self.settings)

    def publish(self, grid: SemanticGrid) -> None:
        """Show a grid to whoever listens."""
        for shown, publisher in self._shown:
            if publisher.get_subscription_count():
                publisher.publish(shown.build(grid, self.settings))

    def report(self, status: Status, timings: Mapping[str, float]) -> None:
        """Publish how it went.

        Args:
            status: of the grid that was just published.
            timings: milliseconds by topic.
        """
        self._status.publish(status)
        for name, publisher in self._timings.items():
            if name in timings and publisher.get_subscription_count():
                publisher.publish(Float64(data=timings[name]))

    def destroy(self) -> None:
        """Withdraw all topics."""
        for publisher in (*(p for _, p in self._shown), self._status, *self._timings.values()):
            self.node.destroy_publisher(publisher)


class ClassTable:
    """`~/label_info`: names and colours of the classes, also for late subscribers."""

    def __init__(self, node: Node, qos_watch: QosWatch) -> None:
        self._node = node
        self._publisher = offer(node, qos_watch, LabelInfo, "~/label_info", LATCHED)

    @property
    def topic(self) -> str:
        """Resolved name."""
        return str(self._publisher.topic_name)

    def announce(self, label_set: LabelSet) -> None:
        """Publish the table."""
        self._publisher.publish(messages.label_info(label_set, self._node.get_clock().now().to_msg()))

    def destroy(self) -> None:
        """Withdraw the topic."""
        self._node.destroy_publisher(self._publisher)
