"""Plays recorded messages as if they were being sensed: with their stamps, at their pace, beside a /clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from threading import Event, Lock, Thread

from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rosgraph_msgs.msg import Clock

from ssc_ros.core import SscError
from ssc_ros.messages.encoder import Record
from ssc_ros.messages.sources import MessageSource
from ssc_ros.messages.stamps import SECOND
from ssc_ros.messages.topics import TOPICS, Topics
from ssc_ros.ros.replay.listener import Listener
from ssc_ros.ros.replay.simulated_time import SimulatedTime


@dataclass(frozen=True)
class ReplaySettings:
    """How to play.

    Attributes:
        rate: simulated seconds per second.
        loop: start again at the end, until interrupted; time then jumps back.
        offset: where to start, after the first message [s].
        clock_hz: how often /clock is published, by the wall clock.
        wait: how long to wait until an active node subscribes to the stereo topics [s]; None does not wait.
        lockstep: after each frame, hold time until the node has answered, at most so long [s]; None goes on.
        topics: names of the inputs in the recording.
    """

    rate: float = 1.0
    loop: bool = False
    offset: float = 0.0
    clock_hz: float = 100.0
    wait: float | None = None
    lockstep: float | None = None
    topics: Topics = TOPICS


@dataclass
class ReplaySummary:
    """What was played.

    Attributes:
        messages: number of messages by topic.
        size: of all of them [bytes].
        latest: how late a message was sent, at most, by simulated time [ns].
        unanswered: frames that the node did not answer in lockstep.
        skipped: topics whose message package is not installed, with its name.
        frame: topic of which each message begins a frame.
    """

    messages: Counter[str] = field(default_factory=Counter)
    size: int = 0
    latest: int = 0
    unanswered: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    frame: str = TOPICS.left_image

    def __str__(self) -> str:
        text = f"{self.messages[self.frame]} frames, {sum(self.messages.values())} messages, "
        text += f"{self.size / 1e6:.0f} MB, at most {self.latest / 1e6:.0f} ms late"
        return text + (f"; {self.unanswered} frames got no answer" if self.unanswered else "")


class Replay:
    """Publishes the messages of a source from one node, which does nothing else.

    Attributes:
        summary: what has been played so far.
    """

    def __init__(self, node: Node, source: MessageSource, settings: ReplaySettings) -> None:
        """Make the publishers; messages of packages that are not installed are left out."""
        topics = settings.topics
        self.summary = ReplaySummary(frame=topics.left_image)
        self._node = node
        self._source = source
        self._settings = settings
        self._time = SimulatedTime(settings.rate)
        self._clock = node.create_publisher(Clock, "/clock", 10)
        self._clock_lock = Lock()
        self._publishers: dict[str, Publisher] = {}
        for topic, msgtype in source.types.items():
            message_class = find_message_class(msgtype)
            if message_class is None:
                self.summary.skipped[topic] = msgtype.partition("/")[0]
            else:
                self._publishers[topic] = node.create_publisher(message_class, topic, offered_qos(topic))
        required = [topic for topic in topics.stereo if topic in self._publishers]
        self._frame_topics = {topics.left_image, topics.right_image, topics.points} & self._publishers.keys()
        self._sent: set[str] = set()
        self._begun = Event()  # until then there is no time to tell
        self._listener = Listener(node, required, answers=settings.lockstep is not None)

    def run(self) -> None:
        """Play to the end, or until interrupted.

        Raises:
            SscError: there is nothing to play or to wait for, nobody is ready in time, or the node goes away in
                lockstep.
        """
        if not self._frame_topics and (self._settings.wait is not None or self._settings.lockstep is not None):
            raise SscError(
                f"nobody can be waited for: the recording has no messages on {self._settings.topics.left_image} or "
                f"{self._settings.topics.points}, only on {', '.join(sorted(self._publishers))}; name inputs, such as "
                "--topic left_image=/front/left/image_rect"
            )
        if self._settings.wait is not None:
            self._listener.wait_until_ready(self._settings.wait)
        with self._ticking():
            self._play_once()
            while self._settings.loop:
                self._listener.forget()
                self._play_once()
        for publisher in self._publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=2))

    def _play_once(self) -> None:
        stamp: int | None = None
        for record in self._source.records(self._settings.offset):
            if stamp is None:
                self._time.restart(record.stamp)
                self._begun.set()
            if record.stamp != stamp:
                stamp = record.stamp
                self._time.sleep_until(stamp)
                self._tick()  # so that no message is ahead of its receiver's clock
            self._publish(record)
            if self._settings.lockstep is not None:
                self._await_answer(record, self._settings.lockstep)
        if stamp is None:
            raise SscError(f"nothing to play from {self._settings.offset:g} s on; choose a smaller --start-offset")

    def _publish(self, record: Record) -> None:
        publisher = self._publishers.get(record.topic)
        if publisher is None:
            return
        publisher.publish(bytes(record.data))
        summary = self.summary
        summary.messages[record.topic] += 1
        summary.size += len(record.data)
        summary.latest = max(summary.latest, self._time.now() - record.stamp)

    def _await_answer(self, record: Record, timeout: float) -> None:
        """Once a frame is complete, hold time until the node has answered."""
        self._sent.add(record.topic)
        if not self._sent >= self._frame_topics:
            return
        self._sent.clear()
        self._time.hold()
        if not self._listener.wait_for_answer(record.stamp, timeout):
            self.summary.unanswered += 1
            self._node.get_logger().warning(f"no grid for the frame of {record.stamp / SECOND:.3f} s; going on")
        self._time.resume()

    def _tick(self) -> None:
        if not self._begun.is_set():
            return
        with self._clock_lock:  # or time would sometimes go back by a hair
            sec, nanosec = divmod(self._time.now(), SECOND)
            self._clock.publish(Clock(clock=Time(sec=sec, nanosec=nanosec)))

    @contextmanager
    def _ticking(self) -> Iterator[None]:
        """Publish /clock from a thread of its own, which reading and sending do not disturb."""
        done = Event()

        def tick() -> None:
            while not done.wait(1 / self._settings.clock_hz):
                self._tick()

        thread = Thread(target=tick, name="clock", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def find_message_class(msgtype: str) -> type | None:
    """The rclpy class of a type such as "sensor_msgs/msg/Image", or None where its package is not installed."""
    package, _, name = msgtype.split("/")
    try:
        return getattr(import_module(f"{package}.msg"), name, None)
    except ModuleNotFoundError:
        return None


def offered_qos(topic: str) -> QoSProfile:
    """Reliable, which fits every subscriber; static transforms also for those who come later."""
    durability = QoSDurabilityPolicy.TRANSIENT_LOCAL if topic == TOPICS.tf_static else QoSDurabilityPolicy.VOLATILE
    return QoSProfile(depth=10, reliability=QoSReliabilityPolicy.RELIABLE, durability=durability)
