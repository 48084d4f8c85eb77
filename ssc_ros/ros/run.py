"""The node as a process: start, spin, and leave cleanly, whatever the reason."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Any

from ssc_ros.core import SscError
from ssc_ros.core.memory import share
from ssc_ros.ros.loading import load_completer
from ssc_ros.ros.transports import large_message_variables

if TYPE_CHECKING:
    from ssc_ros.ros.node import LoadCompleter, SscNode


class StoppedAtStart(BaseException):
    """A signal came while the node was starting.

    It is not KeyboardInterrupt: if one passes through an `exec` of text, as the imports of many libraries do, Python
    takes it for unhandled and ends itself by SIGINT, although it was caught further out.
    """


class Signals:
    """SIGINT and SIGTERM: they raise `StoppedAtStart` while the node starts, and afterwards only set `stop`.

    Python may be within a callback that nothing can be raised from; it goes on then, and nothing is said of it.
    """

    def __init__(self) -> None:
        self.stop = Event()
        self._starting = True
        sys.unraisablehook = _report
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def wait(self) -> None:
        """Starting is over; wait for a signal, or for somebody to set `stop`."""
        self._starting = False
        self.stop.wait()

    def ignore(self) -> None:
        """Leave in peace."""
        self._starting = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.stop.set()
        if self._starting:
            self._starting = False
            raise StoppedAtStart


def _report(unraisable: sys.UnraisableHookArgs) -> None:
    if unraisable.exc_type is not StoppedAtStart:
        sys.__unraisablehook__(unraisable)


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
        large_data: let Fast DDS carry grids in shared memory, unless the environment says otherwise.

    Returns:
        0 after a signal, 1 if the node could not be configured (the reason was logged).

    Raises:
        SscError: arguments or parameters that cannot be used.
    """
    signals = Signals()
    share()
    if large_data:
        os.environ.update(large_message_variables())
    try:
        return _run(ros_args, parameters, load, signals)
    except StoppedAtStart:
        return 0


def _run(ros_args: Sequence[str], parameters: Mapping[str, Any], load: LoadCompleter, signals: Signals) -> int:
    # imported here, so that an impatient Ctrl-C meets our handlers and not half an import
    import rclpy
    from rclpy.parameter import Parameter
    from rclpy.signals import SignalHandlerOptions

    from ssc_ros.ros.node import SscNode

    try:
        # rclpy's own handlers would shut ROS down at once, and the node could not leave in order
        rclpy.init(args=["--ros-args", *ros_args], signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:
        raise SscError(f"ROS does not accept the arguments: {error}") from error
    node = None
    try:
        node = SscNode(load, [Parameter(name, value=value) for name, value in parameters.items()])
        if node.autostart and not node.start():
            return 1
        _spin(node, signals)
    finally:
        signals.ignore()
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _spin(node: SscNode, signals: Signals) -> None:
    """Spin in a thread of its own: the main thread has to wait for signals, which Python handles only there."""
    from rclpy.executors import ExternalShutdownException

    from ssc_ros.ros.executor import events_executor, spin

    executor = events_executor(node)
    with ThreadPoolExecutor(1, "executor") as threads:
        spinning = threads.submit(spin, executor, signals.stop)
        spinning.add_done_callback(lambda _: signals.stop.set())
        signals.wait()
        executor.shutdown()
        with suppress(ExternalShutdownException):
            spinning.result()
