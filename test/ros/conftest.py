"""A node under test, a stereo rig that feeds it, and a listener, over DDS on a domain of their own."""

import itertools
import os
import threading
import time
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from ssc_ros.core import LIDAR, SEMANTIC_KITTI, STEREO, SemanticGrid

from .rig import GRID, IMAGES, INFOS, OPTICAL, T0, Rig, stamp_of

if find_spec("rclpy") is None:  # the codec and the synchroniser are tested all the same
    subjects = ("inputs", "lidar", "segmentation", "outputs", "lifecycle", "diagnostics", "history", "tf")
    collect_ignore = ["test_messages.py", "test_process.py", *(f"test_node_{subject}.py" for subject in subjects)]

ROAD, BUILDING = SEMANTIC_KITTI.names.index("road"), SEMANTIC_KITTI.names.index("building")
DOMAINS = 50
"""How many domains, of 1 to 100, each of the two workers of a parallel run has for itself."""

_numbers = itertools.count()


class TinyCompleter:
    """A completer that any test can predict: the lowest layer is road, voxels with LiDAR points are building."""

    def __init__(self, work=0.0, sensors=(STEREO, LIDAR), history=0, reads_classes=False):
        self.metadata = SimpleNamespace(model_id="tiny", grid=GRID, label_set=SEMANTIC_KITTI, inputs=sensors)
        self.timings, self.backend = {}, "torch"
        self.history, self.past_frames, self.forgotten = SimpleNamespace(count=history, interval=0.5), 0, 0
        self.work = work
        self.frames = []
        self.reads_classes = reads_classes

    def warm_up(self):
        self.timings["network"] = 0.0

    def forget(self):
        self.forgotten += 1

    def complete(self, frame, *, confidence=True):
        self.frames.append(frame)
        self.asked_for_confidence = confidence
        time.sleep(self.work)
        labels = np.zeros(GRID.shape, np.uint8)
        labels[:, :, 0] = ROAD
        if frame.points is not None:
            index = GRID.indices(frame.points[:, :3])
            labels[tuple(index[GRID.contains(index)].T)] = BUILDING
        return SemanticGrid(labels, GRID, SEMANTIC_KITTI, frame.stamp, model_id="tiny")


class TinySegmenter:
    """A segmenter that any test can predict: what is above the sensor is building, the rest road."""

    def __init__(self, work=0.0, fails=False):
        self.metadata = SimpleNamespace(model_id="tiny-points", grid=GRID, label_set=SEMANTIC_KITTI, inputs=(LIDAR,))
        self.work, self.fails = work, fails
        self.backend = "torch"
        self.sweeps = []

    def warm_up(self):
        pass

    def segment(self, points):
        if self.fails:
            raise RuntimeError("out of memory")
        self.sweeps.append(points)
        time.sleep(self.work)
        return SimpleNamespace(labels=np.where(points[:, 2] > 0, BUILDING, ROAD).astype(np.uint8))


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

    def __init__(self, domain):
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.qos import QoSDurabilityPolicy, QoSProfile

        self.latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.client = rclpy.create_node("client", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.client)
        self.rig = Rig(self.client)
        self.nodes = []

    def load(self, settings):
        self.completer = TinyCompleter(*self.completer_options)
        return self.completer

    def load_segmenter(self, settings):
        return self.segmenter

    def start(
        self, load=None, activate=True, work=0.0, sensors=(STEREO, LIDAR), segmenter=None, reads_classes=False,
        **parameters,
    ):  # fmt: skip
        """A running node; parameter names are written with __ for the dot.

        `work` is the time of a frame [s], `sensors` is what the checkpoint says that it reads, `reads_classes` whether
        it wants its points labelled; `segmenter` is what the segmentation checkpoint holds.
        """
        from rclpy.parameter import Parameter

        from ssc_ros.ros.executor import events_executor, spin
        from ssc_ros.ros.node import SscNode

        parameters.setdefault("camera__extrinsics", OPTICAL)
        self.segmenter = segmenter
        if segmenter is not None:
            parameters.setdefault("lidar__segmentation_checkpoint", "tiny")
        overrides = [
            Parameter(name.replace("__", "."), value=value) for name, value in parameters.items() if value is not None
        ]
        self.completer_options = work, sensors, 0, reads_classes
        node = SscNode(load or self.load, overrides, self.load_segmenter, context=self.context)
        executor, stop = events_executor(node), threading.Event()
        if activate:
            assert node.start()
        thread = threading.Thread(target=spin, args=(executor, stop), daemon=True)
        thread.start()
        self.nodes.append((node, executor, stop, thread))
        return node

    def listen(self, kind, topic, qos=10):
        """A list that fills with the messages of a topic."""
        received = []
        self.client.create_subscription(kind, topic, received.append, qos)
        return received

    def call(self, kind, name, request=None):
        client = self.client.create_client(kind, name)
        assert client.wait_for_service(30)
        future = client.call_async(kind.Request() if request is None else request)
        self.executor.spin_until_future_complete(future, 30)
        assert future.done()
        return future.result()

    def spin_until(self, condition, timeout=30.0, what=""):
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f"waited {timeout} s in vain {what}"
            self.executor.spin_once(0.02)

    def spin(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(0.02)

    def connect_rig(self, points=False, **infos):
        """Announce images, calibration and perhaps clouds, and wait until the node listens to all of them."""
        self.rig.infos(T0, **infos)
        topics = [*IMAGES, *(["points"] if points else [])]
        for topic in topics:
            self.rig.advertise(topic)
        self.connect(*topics, *INFOS)
        self.rig.infos(T0, **infos)

    def connect(self, *topics):
        """Wait until the node and the rig have found each other."""
        for topic in topics:
            publisher = self.rig.publishers[topic]
            self.spin_until(lambda: publisher.get_subscription_count() > 0, what=f"for a subscriber of {topic}")  # noqa: B023

    @property
    def drops(self):
        """What the last node has dropped, by reason."""
        node, *_ = self.nodes[-1]
        return {reason.value: count for reason, count in node._parts.branches[0].drops.counts().items()}

    def await_listener(self, topic):
        """Wait until the node's publisher of a topic has matched a subscription; names are known earlier than that."""

        def matched():
            publishers = [p for node, *_ in self.nodes for p in node.publishers if p.topic_name == topic]
            return any(publisher.get_subscription_count() for publisher in publishers)

        self.spin_until(matched, timeout=60, what=f"for somebody who listens to {topic}")

    def close(self):
        for node, executor, stop, thread in self.nodes:
            stop.set()
            executor.shutdown()
            thread.join(10)
            node.destroy_node()
        self.executor.shutdown()
        self.client.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def domain(monkeypatch):
    """A ROS domain for this test, on the loopback interface; workers that run side by side share none."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    number = 1 + DOMAINS * (worker % 2) + (7 * os.getpid() + next(_numbers)) % DOMAINS
    monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return number


@pytest.fixture
def world(domain):
    world = World(domain)
    yield world
    world.close()
