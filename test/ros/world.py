"""A node under test, a stereo rig that feeds it, and a listener, on a ROS domain of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile

from ssc_ros.assembly.settings import Settings
from ssc_ros.core import LIDAR, STEREO
from ssc_ros.ros.executor import events_executor, spin
from ssc_ros.ros.node import SscNode

from .rig import IMAGES, INFOS, OPTICAL, T0, Rig, stamp_of
from .tiny_networks import BUILDING, GRID, ROAD, TinyCompleter, TinySegmenter

Running = tuple[SscNode, Executor, threading.Event, threading.Thread]
"""A node, its executor, what ends the executor, and the thread that it spins in."""


class World:
    """Everything on one ROS domain; `spin_until` lets time pass for the test's own node.

    Attributes:
        rig: publishes the sensors' messages.
        completer: the node's, once it is configured.
        client: the test's own node.
        latched: quality of service of a late subscriber to latched topics.
    """

    grid, road, building = GRID, ROAD, BUILDING
    stamp_of = staticmethod(stamp_of)

    def __init__(self, domain: int) -> None:
        self.latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.client = rclpy.create_node("client", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.client)
        self.rig = Rig(self.client)
        self.nodes: list[Running] = []

    def load(self, settings: Settings) -> TinyCompleter:
        self.completer = TinyCompleter(sensors=self.sensors, reads_classes=self.reads_classes)
        return self.completer

    def load_segmenter(self, settings: Settings) -> TinySegmenter:
        assert self.segmenter is not None
        return self.segmenter

    def start(
        self,
        load: Callable[[Settings], Any] | None = None,
        activate: bool = True,
        sensors: Sequence[str] = (STEREO, LIDAR),
        segmenter: TinySegmenter | None = None,
        reads_classes: bool = False,
        **parameters: Any,
    ) -> SscNode:
        """A running node; parameter names are written with __ for the dot.

        `sensors` is what the checkpoint says that it reads, `reads_classes` whether it wants its points labelled;
        `segmenter` is what the segmentation checkpoint holds.
        """
        parameters.setdefault("camera__extrinsics", OPTICAL)
        self.segmenter = segmenter
        if segmenter is not None:
            parameters.setdefault("lidar__segmentation_checkpoint", "tiny")
        overrides = [
            Parameter(name.replace("__", "."), value=value) for name, value in parameters.items() if value is not None
        ]
        self.sensors, self.reads_classes = sensors, reads_classes
        node = SscNode(load or self.load, overrides, self.load_segmenter, context=self.context)
        executor, stop = events_executor(node), threading.Event()
        if activate:
            assert node.start()
        thread = threading.Thread(target=spin, args=(executor, stop), daemon=True)
        thread.start()
        self.nodes.append((node, executor, stop, thread))
        return node

    def listen(self, kind: type, topic: str, qos: QoSProfile | int = 10) -> list[Any]:
        """A list that fills with the messages of a topic."""
        received: list[Any] = []
        self.client.create_subscription(kind, topic, received.append, qos)
        return received

    def call(self, kind: type[Any], name: str, request: Any = None) -> Any:
        client = self.client.create_client(kind, name)
        assert client.wait_for_service(30)
        future = client.call_async(kind.Request() if request is None else request)
        self.executor.spin_until_future_complete(future, 30)
        assert future.done()
        return future.result()

    def spin_until(self, condition: Callable[[], object], timeout: float = 30.0, what: str = "") -> None:
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f"waited {timeout} s in vain {what}"
            self.executor.spin_once(0.02)

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(0.02)

    def connect_rig(self, points: bool = False, **infos: Any) -> None:
        """Announce images, calibration and perhaps clouds, and wait until the node listens to all of them."""
        self.rig.infos(T0, **infos)
        topics = [*IMAGES, *(["points"] if points else [])]
        for topic in topics:
            self.rig.advertise(topic)
        self.connect(*topics, *INFOS)
        self.rig.infos(T0, **infos)

    def connect(self, *topics: str) -> None:
        """Wait until the node and the rig have found each other."""
        for topic in topics:
            publisher = self.rig.publishers[topic]
            self.spin_until(lambda: publisher.get_subscription_count() > 0, what=f"for a subscriber of {topic}")  # noqa: B023

    @property
    def drops(self) -> dict[str, int]:
        """Messages that the last node has dropped, by reason."""
        node, *_ = self.nodes[-1]
        return {reason.value: count for reason, count in node._parts.branches[0].drops.counts().items()}

    def await_listener(self, topic: str) -> None:
        """Wait until the node's publisher of a topic has matched a subscription; names are known earlier than that."""

        def matched() -> bool:
            publishers = [p for node, *_ in self.nodes for p in node.publishers if p.topic_name == topic]
            return any(publisher.get_subscription_count() for publisher in publishers)

        self.spin_until(matched, timeout=60, what=f"for a subscriber of {topic}")

    def close(self) -> None:
        for node, executor, stop, thread in self.nodes:
            stop.set()
            executor.shutdown()
            thread.join(10)
            node.destroy_node()
        self.executor.shutdown()
        self.client.destroy_node()
        self.context.try_shutdown()
