"""A line of work in the node, from an input to outputs: what all of them have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import LifecycleNode

from ssc_ros.assembly.drop_counter import DropCounter
from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.statistics import Latencies, Rate
from ssc_ros.assembly.transforms import LiveTransformSource, Transforms
from ssc_ros.assembly.watchdog import Vigil
from ssc_ros.assembly.worker import Finish, LatestWorker
from ssc_ros.core import SceneGrid
from ssc_ros.messages.drops import Drop
from ssc_ros.ros.ports import Network
from ssc_ros.ros.qos import QosWatch
from ssc_ros.ros.subscriptions import Subscriptions


@dataclass(frozen=True)
class Host:
    """What the node lends to its branches.

    Attributes:
        node: owns publishers and timers.
        subscriptions: the topics that are listened to.
        qos_watch: told about endpoints whose QoS does not fit.
        source: of transforms that the settings do not give.
        transforms: sensor frames in the grid frame.
        warn: logs a sentence.
        undo: what withdraws everything from ROS again, the latest first.
    """

    node: LifecycleNode
    subscriptions: Subscriptions
    qos_watch: QosWatch
    source: LiveTransformSource
    transforms: Transforms
    warn: Callable[[str], None]
    undo: ExitStack

    def now(self) -> int:
        """Return the node's time [ns]."""
        return int(self.node.get_clock().now().nanoseconds)


class Branch(ABC):
    """One line of work, with a worker, drops, rates and settings of its own. The node asks none by name.

    Attributes:
        result: kind of what it publishes, for people, such as "grid"; `results` are several of them.
        awaited: what it works on, such as "stereo pairs".
        network: says what it is and what runs it.
        settings: the current ones.
        drops: where unusable inputs are counted.
        published: how often a result was published.
        skipped: inputs whose result has no subscriber.
        latency: stamp to publication, on the node's clock.
    """

    result: ClassVar[str]
    results: ClassVar[str]
    awaited: ClassVar[str]

    def __init__(self, host: Host, settings: Settings, network: Network) -> None:
        """Connect nothing yet.

        Args:
            host: the node.
            settings: the current ones.
            network: what the branch runs.
        """
        self.host = host
        self.network = network
        self.settings = settings
        self.drops = DropCounter(host.warn)
        self.published, self.skipped = Rate(), 0
        self.latency = Latencies()
        self._worker: LatestWorker[Any] | None = None
        self._reported: dict[Drop, int] = {}
        self._vigil = Vigil(
            self.result, lambda: self.published.total + self.skipped, self.drops, self.explain_silence, host.warn
        )

    @property
    @abstractmethod
    def topics(self) -> Sequence[str]:
        """Resolved names of the topics that others are expected to subscribe to."""

    @abstractmethod
    def describe(self) -> Iterator[str]:
        """Say what the branch does and with what, in sentences for the log."""

    @abstractmethod
    def statuses(self, lost: Sequence[Drop]) -> Iterator[DiagnosticStatus]:
        """Return its parts of /diagnostics; `lost` are the reasons that counted since the last call."""

    @abstractmethod
    def explain_silence(self, drops: Mapping[Drop, int]) -> str:
        """Say why there is no result, of what was dropped since the last look."""

    @property
    def scene(self) -> SceneGrid:
        """The network's grid, in the frame that the robot calls it by."""
        scene = self.network.metadata.grid
        return replace(scene, frame_id=self.settings.grid.frame_id or scene.frame_id)

    @property
    def silence(self) -> str:
        """Why there is no result although there should be; empty while there are results."""
        return self._vigil.silence

    def work(self, lanes: Sequence[Callable[[Any], Finish | None]], waiting: int, name: str) -> Callable[[Any], None]:
        """Start the worker's threads, one for each lane, and return what hands them an input."""
        self._worker = LatestWorker(lanes, lambda: self.drops.add(Drop.BUSY), waiting, name)
        self.host.undo.callback(self._worker.close)
        return self._worker.offer

    def apply(self, settings: Settings) -> None:
        """Use new settings, as far as they apply at once."""
        self.settings = settings

    @abstractmethod
    def forget(self) -> None:
        """Forget what was sensed and found before, because time or place jumped."""

    def restart(self) -> None:
        """Count from zero, as after activation."""
        self.forget()
        self.drops.reset()
        self._reported = {}
        self.published, self.skipped = Rate(), 0
        self.latency = Latencies()
        self._vigil.restart()

    def pause(self) -> None:
        """Drop what waits; nothing is published after this."""
        if self._worker is not None:
            self._worker.discard()

    def look(self) -> None:
        """Have it explained if there is no result for too long."""
        self._vigil.look(self.settings.diagnostics.watchdog_period)

    def report(self) -> Iterable[DiagnosticStatus]:
        """Return its parts of /diagnostics, once for each period."""
        before, self._reported = self._reported, self.drops.counts()
        return self.statuses([reason for reason, count in self._reported.items() if count > before.get(reason, 0)])

    def save(self, directory: Path) -> list[Path]:
        """Write the newest result, if there is one to keep.

        Returns:
            The files; none if there is no result.

        Raises:
            OSError: the folder cannot be written.
        """
        return []

    def summary(self) -> str:
        """Say what has become of all inputs, for the log."""
        drops = ", ".join(f"{reason.value} {count}" for reason, count in self.drops.counts().items())
        return f"published {self.published.total} {self.results}; dropped: {drops or 'nothing'}"
