"""The node as a process: start, spin, and leave cleanly, whatever the reason."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Any

from ssc_ros.assembly.parameter_files import complaint, parameter_files, read_sections
from ssc_ros.core import SscError
from ssc_ros.kernels.memory import share_arenas
from ssc_ros.messages.transports import large_message_variables
from ssc_ros.ros.loading import LoadCompleter, load_completer
from ssc_ros.ros.signals import Presses, end_with_parent

if TYPE_CHECKING:
    from ssc_ros.assembly.settings import Settings
    from ssc_ros.ros.node import SscNode
    from ssc_ros.ros.ports import Completer

STANDARD_ERROR = 2
STOPPING = b"stopping after this step of the start; a second signal stops at once\n"


class StoppedAtStart(BaseException):
    """A signal came while the node was starting; not an Exception, so that nobody takes it for a failed step."""


class Signals:
    """SIGINT and SIGTERM are noted; whoever starts something asks `check` between the steps.

    A handler runs in the midst of what the main thread does. So it raises nothing: within the import of a compiled
    module that would become an ImportError (pybind11) or abort the process (torch). And it takes no lock that the main
    thread may hold, as that of an Event is when it begins to wait. A second signal ends the process at once, until
    starting is over; the echo of the first does not.
    """

    def __init__(self) -> None:
        self._came: SimpleQueue[int] = SimpleQueue()  # which may be put into while it is waited for
        self._starting = True
        self._presses = Presses()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def check(self) -> None:
        """Go on, unless a signal has come.

        Raises:
            StoppedAtStart: it has.
        """
        if not self._came.empty():
            raise StoppedAtStart

    def wait(self) -> None:
        """Starting is over; wait for a signal, or for `end`."""
        self._starting = False
        self._came.get()

    def end(self) -> None:
        """Do as if a signal had come."""
        self._came.put(0)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        echo = self._presses.is_echo(number)
        if self._starting and not echo:
            if not self._came.empty():
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            with suppress(OSError):  # the terminal may be gone
                os.write(STANDARD_ERROR, STOPPING)  # not by print, which may be what was interrupted
        self._came.put(number)


def serve(node: SscNode, signals: Signals) -> int:
    """Start the node and let it work until a signal or a shutdown comes; the exit status."""
    if node.autostart and not node.start():
        return 1
    _spin(node, signals)
    return 0


def warm_up(node: SscNode, signals: Signals) -> int:
    """Configure the node, which leaves on disk what it compiles and converts for this machine; the exit status."""
    return 0 if node.configure() else 1


def run_node(
    ros_args: Sequence[str],
    parameters: Mapping[str, Any],
    load: LoadCompleter = load_completer,
    large_data: bool = True,
    work: Callable[[SscNode, Signals], int] = serve,
) -> int:
    """Make `ssc_node` and let it work.

    Args:
        ros_args: what may follow `--ros-args`, such as ("-r", "__ns:=/front").
        parameters: values that win over files and the command line.
        load: opens the checkpoint.
        large_data: let Fast DDS carry grids in shared memory, unless the environment says otherwise.
        work: what the node does; `serve` or `warm_up`.

    Returns:
        0 after a signal or when the work is done, 1 if the node could not be configured (the reason was logged).

    Raises:
        SscError: arguments or parameters that cannot be used.
    """
    signals = Signals()
    end_with_parent()
    share_arenas()
    if large_data:
        os.environ.update(large_message_variables())
    try:
        return _run(ros_args, parameters, load, signals, work)
    except StoppedAtStart:
        return 0


def _run(
    ros_args: Sequence[str],
    parameters: Mapping[str, Any],
    load: LoadCompleter,
    signals: Signals,
    work: Callable[[SscNode, Signals], int],
) -> int:
    # imported here, so that an impatient Ctrl-C meets our handlers
    import rclpy
    from rclpy.parameter import Parameter
    from rclpy.signals import SignalHandlerOptions

    from ssc_ros.ros.node import SscNode

    def load_unless_stopped(settings: Settings) -> Completer:
        signals.check()
        completer = load(settings)
        signals.check()
        return completer

    files = parameter_files(ros_args)
    for file in files:
        read_sections(file)  # an error of it, before ROS is busy with it
    signals.check()
    try:
        # rclpy's own handlers would shut ROS down at once, and the node could not leave in order
        rclpy.init(args=["--ros-args", *ros_args], signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:
        raise SscError(f"ROS does not accept the arguments: {error}") from error
    node = None
    try:
        node = SscNode(load_unless_stopped, [Parameter(name, value=value) for name, value in parameters.items()])
        for sentence in filter(None, (complaint(file, node.get_fully_qualified_name()) for file in files)):
            node.get_logger().warning(sentence)
        return work(node, signals)
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()


def _spin(node: SscNode, signals: Signals) -> None:
    """Spin in a thread of its own: the main thread has to wait for signals, which Python handles only there."""
    from rclpy.executors import ExternalShutdownException

    from ssc_ros.ros.executor import events_executor, spin

    executor, stop = events_executor(node), Event()
    with ThreadPoolExecutor(1, "executor") as threads:
        spinning = threads.submit(spin, executor, stop)
        spinning.add_done_callback(lambda _: signals.end())
        signals.wait()
        stop.set()
        executor.shutdown()
        with suppress(ExternalShutdownException):
            spinning.result()
