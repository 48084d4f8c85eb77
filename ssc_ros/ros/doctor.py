"""Listens to a robot's topics for a while, as the node would, and keeps what `ssc-ros doctor` looks at."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from typing import Any

import rclpy
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rich.console import Console
from rich.progress import Progress
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from ssc_ros.assembly.doctor.findings import Finding, wrong
from ssc_ros.assembly.doctor.recording import OPTIONAL, TYPES, Recording
from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.watchdog import explain_missing
from ssc_ros.core import SscError
from ssc_ros.messages.topics import TOPICS
from ssc_ros.messages.transports import BUILTIN, PROFILES, large_message_variables
from ssc_ros.ros.qos import LATCHED, QosWatch
from ssc_ros.ros.subscriptions import Subscriptions, Topic

KINDS = {kind.__name__: kind for kind in (Image, CameraInfo, PointCloud2, Odometry)}
POLL = 0.05
WAIT = 5.0
"""How long nothing at all may come [s]."""


def record_topics(
    settings: Settings, seconds: float, frames: int, names: Mapping[str, str], ros_args: Sequence[str]
) -> Recording:
    """Listen for some seconds from the first message on, with a progress bar on the terminal.

    Args:
        settings: of the node.
        seconds: how long.
        frames: how many pairs to look at.
        names: of inputs on the robot, by the node's names.
        ros_args: what follows `--ros-args`.

    Raises:
        SscError: ROS does not accept the arguments.
    """
    TOPICS.remapped(names)  # refuses what is no input
    transport = describe_transport(os.environ)
    os.environ.update(large_message_variables())
    renamed = [part for name, to in names.items() for part in ("-r", f"{name.lstrip('/')}:={to}")]
    with own_node("ssc_doctor", [*renamed, *ros_args]) as node:
        recording = listen(node, settings, seconds, frames)
    recording.further.append(transport)
    return recording


def listen(node: Node, settings: Settings, seconds: float, frames: int) -> Recording:
    """Listen with a node; see `record_topics`."""
    recording = Recording(TOPICS, settings, frames)
    watch = QosWatch(node, lambda _: None)
    subscriptions = Subscriptions(node, watch)
    topics = {name: _listen_to(node, subscriptions, recording, name) for name in TYPES}
    if find_spec("tf2_msgs") is not None:  # an older installation of our messages lacks it
        from tf2_msgs.msg import TFMessage

        node.create_subscription(TFMessage, TOPICS.tf_static, recording.take_transforms, LATCHED)
    subscriptions.active = True
    _spin(node, recording, seconds)
    conflicts: list[str] = []
    for name, topic in topics.items():
        stream = recording.streams[name]
        state = subscriptions.state(topic, "doctor")
        stream.missing = explain_missing(state) if stream.newest is None else ""
        conflicts += state.unfit
        if name in OPTIONAL and stream.newest is None and state.publisher_types and not state.unfit:
            recording.further.append(wrong(stream.what, stream.missing))
    recording.further.append(wrong("QoS", "; ".join(conflicts)) if conflicts else Finding("QoS", "all publishers fit"))
    return recording


def describe_transport(environment: Mapping[str, str]) -> Finding:
    """Say how images come from process to process.

    Args:
        environment: variables of the process.
    """
    middleware = environment.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
    if "fastrtps" not in middleware:
        return Finding("transport", f"{middleware}, as RMW_IMPLEMENTATION says")
    chosen = [f"{name}={environment[name]}" for name in (*PROFILES, BUILTIN) if name in environment]
    if chosen:
        return Finding("transport", ", ".join(chosen))
    variables = " ".join(f"{name}={path}" for name, path in large_message_variables(environment).items())
    return Finding("transport", f"config/fastdds.xml here and in the node; the driver needs it too: export {variables}")


def _listen_to(node: Node, subscriptions: Subscriptions, recording: Recording, name: str) -> Topic:
    """Hand the messages of an input to the recording, under the name that the topic has on the robot."""
    kind: Any = KINDS[TYPES[name]]
    if kind is Image and recording.settings.image_transport == "compressed":
        kind = CompressedImage
    stream = recording.streams[name]
    clock = node.get_clock()
    take = partial(recording.take, name)
    topic = subscriptions.listen(kind, stream.topic.lstrip("/"), lambda message: take(message, clock.now().nanoseconds))
    stream.topic = topic.name
    return topic


def _spin(node: Node, recording: Recording, seconds: float) -> None:
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    begin: float | None = None
    start = time.monotonic()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("listening", total=seconds)
        while (now := time.monotonic()) < (start + WAIT if begin is None else begin + seconds):
            executor.spin_once(timeout_sec=POLL)
            if begin is None and any(recording.streams[f"{side}_image"].count for side in ("left", "right")):
                begin = now
            progress.update(task, completed=0 if begin is None else now - begin)
    executor.shutdown()


@contextmanager
def own_node(name: str, ros_args: Sequence[str]) -> Iterator[Node]:
    """Give a node of its own, with ROS around it.

    Raises:
        SscError: ROS does not accept the arguments.
    """
    try:
        rclpy.init(args=["--ros-args", *ros_args])
    except Exception as error:
        raise SscError(f"ROS does not accept the arguments: {error}") from error
    try:
        node = rclpy.create_node(name)
        try:
            yield node
        finally:
            with suppress(Exception):
                node.destroy_node()
    finally:
        rclpy.try_shutdown()
