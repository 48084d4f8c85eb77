"""Listens to what a running node publishes and reads, for `ssc-ros view`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image, PointCloud2

from ssc_ros.messages.transports import large_message_variables
from ssc_ros.ros.doctor import own_node
from ssc_ros.ros.qos import QosWatch
from ssc_ros.ros.subscriptions import Subscriptions
from ssc_ros_msgs.msg import SemanticVoxelGrid, Status

NODE = "ssc_viewer"
POLL = 0.2
"""How soon the end of the view is noticed [s]."""

KINDS = {kind.__name__: kind for kind in (Image, CompressedImage, PointCloud2, SemanticVoxelGrid, Status)}

Take = Callable[[str, Any], None]
"""Takes what a message shows, and the message."""


def listen_forever(
    topics: Mapping[str, str],
    kinds: Mapping[str, str],
    take: Take,
    warn: Callable[[str], None],
    names: Mapping[str, str],
    ros_args: Sequence[str],
) -> None:
    """Hand over messages until the process is interrupted.

    Args:
        topics: absolute names, by what the messages show.
        kinds: class of the messages, by what they show.
        take: gets each message.
        warn: is told which publishers have a QoS that does not fit.
        names: of inputs on the robot, by the node's names.
        ros_args: what follows `--ros-args`.

    Raises:
        SscError: ROS does not accept the arguments.
    """
    os.environ.update(large_message_variables())
    renamed = [part for name, to in names.items() for part in ("-r", f"{name.lstrip('/')}:={to}")]
    with own_node(NODE, [*renamed, *ros_args]) as node:
        spin(node, topics, kinds, take, warn)


def spin(
    node: Node,
    topics: Mapping[str, str],
    kinds: Mapping[str, str],
    take: Take,
    warn: Callable[[str], None],
    ended: Callable[[], bool] = lambda: False,
) -> None:
    """Hand over the messages that come to a node until the view has ended; see `listen_forever`."""
    subscriptions = Subscriptions(node, QosWatch(node, warn))
    for name, topic in topics.items():
        subscriptions.listen(KINDS[kinds[name]], topic.lstrip("/"), partial(take, name))
    subscriptions.active = True
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        while not ended() and node.context.ok():
            executor.spin_once(timeout_sec=POLL)
    except ExternalShutdownException:  # a signal, which rclpy has taken
        return
    finally:
        executor.shutdown()
