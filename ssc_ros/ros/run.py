"""The node as a process: start, spin, and leave cleanly, whatever the reason."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ssc_ros.core import SscError
from ssc_ros.core.resources import share_directory
from ssc_ros.ros.parameters import Settings

if TYPE_CHECKING:
    from ssc_ros.ros.node import LoadCompleter
    from ssc_ros.ros.pipeline import Completer

TRANSPORTS = "FASTDDS_BUILTIN_TRANSPORTS"
SHIPPED_CHECKPOINT = Path("models/l2cocc_camera_edge.safetensors")


class StartInterrupt:
    """Makes SIGINT and SIGTERM raise KeyboardInterrupt until the node spins; then rclpy sees to them.

    rclpy calls the handlers that it finds after its own, so this must be there before `rclpy.init`.
    """

    def __init__(self) -> None:
        self.starting = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.starting:
            self.starting = False
            raise KeyboardInterrupt


def load_completer(settings: Settings) -> Completer:
    """Open the checkpoint of the settings.

    Raises:
        SscError: a file or device that cannot be used.
    """
    from ssc_ros.inference.completer import SceneCompleter

    path = Path(settings.checkpoint).expanduser() if settings.checkpoint else share_directory() / SHIPPED_CHECKPOINT
    return SceneCompleter.from_checkpoint(path, settings.device, settings.threads or None)


def run_node(
    ros_args: Sequence[str],
    parameters: Mapping[str, Any],
    load: LoadCompleter = load_completer,
    large_data: bool = True,
) -> int:
    """Run `ssc_node` until a signal or a shutdown comes.

    Args:
        ros_args: what may follow `--ros-args`, such as ("-r", "__ns:=/front").
        parameters: values that win over files and the command line.
        load: opens the checkpoint.
        large_data: let Fast DDS carry images by shared memory and TCP, unless the environment names transports.

    Returns:
        0 after a signal, 1 if the node could not be configured (the reason was logged).

    Raises:
        SscError: arguments or parameters that cannot be used.
    """
    interrupt = StartInterrupt()
    if large_data:
        os.environ.setdefault(TRANSPORTS, "LARGE_DATA")
    try:
        return _run(ros_args, parameters, load, interrupt)
    except KeyboardInterrupt:
        return 0


def _run(ros_args: Sequence[str], parameters: Mapping[str, Any], load: LoadCompleter, interrupt: StartInterrupt) -> int:
    # imported here, so that an impatient Ctrl-C meets our handler and not half an import
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.lifecycle import TransitionCallbackReturn
    from rclpy.parameter import Parameter

    from ssc_ros.ros.node import SscNode

    try:
        rclpy.init(args=["--ros-args", *ros_args])
    except Exception as error:
        raise SscError(f"ROS does not accept the arguments: {error}") from error
    node = None
    try:
        node = SscNode(load, [Parameter(name, value=value) for name, value in parameters.items()])
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        if node.autostart:
            if node.trigger_configure() != TransitionCallbackReturn.SUCCESS:
                return 1
            node.trigger_activate()
        interrupt.starting = False
        executor.spin()
    except ExternalShutdownException:
        pass
    finally:
        interrupt.starting = False
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
