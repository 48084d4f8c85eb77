"""A node under test, a stereo rig that feeds it, and a listener, over DDS on a domain of their own."""

import itertools
import os
import threading
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI, SceneGrid, SemanticGrid

if find_spec("rclpy") is None:  # the codec and the synchroniser are tested all the same
    collect_ignore = ["test_messages.py", "test_node.py", "test_process.py"]

SECOND = 1_000_000_000
WIDTH, HEIGHT, FX, BASELINE = 64, 48, 50.0, 0.5
GRID = SceneGrid((0.0, -3.2, -2.0), 0.4, (16, 16, 8))
OPTICAL = [0.0, 0.0, 0.0, -0.5, 0.5, -0.5, 0.5]  # camera at the grid's origin, looking along its x
ROAD, BUILDING = SEMANTIC_KITTI.names.index("road"), SEMANTIC_KITTI.names.index("building")

_numbers = itertools.count()


class TinyCompleter:
    """A completer that any test can predict: the lowest layer is road, voxels with LiDAR points are building."""

    def __init__(self, work=0.0):
        self.metadata = SimpleNamespace(model_id="tiny", grid=GRID, label_set=SEMANTIC_KITTI)
        self.timings = {}
        self.work = work
        self.frames = []

    def warm_up(self):
        self.timings["network"] = 0.0

    def complete(self, frame):
        self.frames.append(frame)
        time.sleep(self.work)
        labels = np.zeros(GRID.shape, np.uint8)
        labels[:, :, 0] = ROAD
        if frame.points is not None:
            index = GRID.indices(frame.points[:, :3])
            labels[tuple(index[GRID.contains(index)].T)] = BUILDING
        return SemanticGrid(labels, GRID, SEMANTIC_KITTI, frame.stamp, model_id="tiny")


def stamp_message(nanoseconds):
    from builtin_interfaces.msg import Time

    sec, nanosec = divmod(nanoseconds, SECOND)
    return Time(sec=sec, nanosec=nanosec)


def stamp_of(message):
    return message.header.stamp.sec * SECOND + message.header.stamp.nanosec


def header(stamp, frame_id):
    from std_msgs.msg import Header

    return Header(stamp=stamp_message(stamp), frame_id=frame_id)


def image_message(stamp, frame_id="camera", width=WIDTH, height=HEIGHT, encoding="rgb8"):
    from sensor_msgs.msg import Image

    channels = {"mono8": 1, "rgba8": 4, "bgra8": 4}.get(encoding, 3)
    message = Image(header=header(stamp, frame_id), encoding=encoding)
    message.width, message.height, message.step = width, height, width * channels
    message.data = bytes(width * height * channels)
    return message


def info_message(stamp, side, frame_id="camera", fx=FX, baseline=BASELINE):
    from sensor_msgs.msg import CameraInfo

    tx = 0.0 if side == "left" else -fx * baseline
    message = CameraInfo(header=header(stamp, frame_id), width=WIDTH, height=HEIGHT)
    message.p = [fx, 0.0, WIDTH / 2, tx, 0.0, fx, HEIGHT / 2, 0.0, 0.0, 0.0, 1.0 if fx else 0.0, 0.0]
    return message


def cloud_message(stamp, points, frame_id="velodyne"):
    from sensor_msgs.msg import PointCloud2, PointField

    points = np.asarray(points, np.float32).reshape(-1, 3)
    message = PointCloud2(header=header(stamp, frame_id), height=1, width=len(points))
    message.fields = [PointField(name=n, offset=4 * i, datatype=7, count=1) for i, n in enumerate("xyz")]
    message.point_step, message.row_step = 12, 12 * len(points)
    message.data = points.tobytes()
    return message


@dataclass
class Rig:
    """Publishes what a stereo camera and a LiDAR publish, into the node's namespace."""

    node: object
    qos: object = 10
    publishers: dict = field(default_factory=dict)
    image = staticmethod(image_message)
    header = staticmethod(header)

    def publish(self, topic, message, qos=None):
        if topic not in self.publishers:
            self.publishers[topic] = self.node.create_publisher(type(message), topic, self.qos if qos is None else qos)
        self.publishers[topic].publish(message)

    def advertise(self, topic, kind=None):
        from sensor_msgs.msg import Image, PointCloud2

        kind = kind or (PointCloud2 if topic == "points" else Image)
        self.publishers[topic] = self.node.create_publisher(kind, topic, self.qos)

    def infos(self, stamp, **options):
        for side in ("left", "right"):
            self.publish(f"{side}/camera_info", info_message(stamp, side, **options))

    def images(self, stamp, **options):
        for side in ("left", "right"):
            self.publish(f"{side}/image_rect", image_message(stamp, **options))

    def points(self, stamp, points=((1.0, 0.0, 0.0),), **options):
        self.publish("points", cloud_message(stamp, points, **options))


class World:
    """Everything on one ROS domain; `spin_until` lets time pass for the test's own node.

    Attributes:
        rig: publishes the sensors' messages.
        completer: the node's, once it is configured.
        client: the test's own node.
    """

    grid, road, building = GRID, ROAD, BUILDING
    stamp_of = staticmethod(stamp_of)

    def __init__(self, domain):
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.client = rclpy.create_node("client", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.client)
        self.rig = Rig(self.client)
        self.nodes = []

    def load(self, settings):
        self.completer = TinyCompleter(self.work)
        return self.completer

    def start(self, load=None, activate=True, work=0.0, **parameters):
        """A running node; parameter names are written with __ for the dot, `work` is the time of a frame [s]."""
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.parameter import Parameter

        from ssc_ros.ros.node import SscNode

        parameters.setdefault("camera__extrinsics", OPTICAL)
        overrides = [
            Parameter(name.replace("__", "."), value=value) for name, value in parameters.items() if value is not None
        ]
        self.work = work
        node = SscNode(load or self.load, overrides, context=self.context)
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(node)
        if activate:
            assert node.start()
        thread = threading.Thread(target=executor.spin, daemon=True)
        thread.start()
        self.nodes.append((node, executor, thread))
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

    def connect(self, *topics):
        """Wait until the node and the rig have found each other."""
        for topic in topics:
            publisher = self.rig.publishers[topic]
            self.spin_until(lambda: publisher.get_subscription_count() > 0, what=f"for a subscriber of {topic}")  # noqa: B023

    def await_listener(self, topic):
        """Wait until the node's publisher of a topic has matched a subscription; names are known earlier than that."""

        def matched():
            publishers = [p for node, _, _ in self.nodes for p in node.publishers if p.topic_name == topic]
            return any(publisher.get_subscription_count() for publisher in publishers)

        self.spin_until(matched, timeout=60, what=f"for somebody who listens to {topic}")

    def close(self):
        for node, executor, thread in self.nodes:
            executor.shutdown()
            thread.join(10)
            node.destroy_node()
        self.executor.shutdown()
        self.client.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def domain(monkeypatch):
    """A ROS domain for this test, on the loopback interface."""
    number = 1 + (7 * os.getpid() + next(_numbers)) % 100
    monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return number


@pytest.fixture
def world(domain):
    world = World(domain)
    yield world
    world.close()
