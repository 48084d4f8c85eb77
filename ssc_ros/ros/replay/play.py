"""The replay as a process: start, play, say what was played, and leave cleanly."""

from __future__ import annotations

import os
from collections.abc import Sequence

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from ssc_ros.messages.sources import MessageSource
from ssc_ros.messages.transports import large_message_variables
from ssc_ros.ros.replay.replay import Replay, ReplaySettings
from ssc_ros.ros.signals import end_with_parent, interrupt_once


def play(source: MessageSource, settings: ReplaySettings, ros_args: Sequence[str], large_data: bool = True) -> None:
    """Play a source from a node of its own, `ssc_replay`.

    Args:
        source: messages.
        settings: how to play them.
        ros_args: what follows `--ros-args`.
        large_data: let Fast DDS carry images in shared memory, unless the environment says otherwise.

    Raises:
        SscError: see `Replay.run`.
        KeyboardInterrupt: a signal came; what was played has been said.
    """
    if large_data:
        os.environ.update(large_message_variables())
    interrupt_once()
    end_with_parent()
    # the handlers of rclpy would end the context while messages are still on their way
    rclpy.init(args=["--ros-args", *ros_args], signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = rclpy.create_node("ssc_replay")
        _play(node, Replay(node, source, settings), source)
    finally:
        rclpy.shutdown()


def _play(node: Node, replay: Replay, source: MessageSource) -> None:
    log = node.get_logger().info
    for topic, package in replay.summary.skipped.items():
        log(f"{topic} is left out, because {package} is not installed")
    log(f"playing {', '.join(sorted(source.types.keys() - replay.summary.skipped.keys()))}")
    try:
        replay.run()
    finally:
        log(f"played {replay.summary}")
