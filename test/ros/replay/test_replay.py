"""A replay sends what was recorded, in time, and waits for who listens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import rclpy
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from ssc_ros.core import SscError
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.messages.bag_reader import open_bag_reader
from ssc_ros.messages.encoder import Record
from ssc_ros.messages.kitti_bag import convert
from ssc_ros.messages.sources import BagSource, MessageSource
from ssc_ros.messages.topics import TOPICS, Topics
from ssc_ros.ros.replay.replay import Replay, ReplaySettings
from ssc_ros_msgs.msg import SemanticVoxelGrid

from ..tiny_networks import TinyCompleter
from ..world import World

SECOND = 1_000_000_000


@pytest.fixture
def bag(kitti_tree: Path, tmp_path: Path) -> Path:
    sequence = KittiSequence.open(kitti_tree / "sequences" / "08")
    convert(sequence, tmp_path / "bag", sequence.frame_ids)
    return tmp_path / "bag"


@pytest.fixture
def sender(domain: int) -> Iterator[Node]:
    """A node to replay from, on a context of its own."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    yield rclpy.create_node("ssc_replay", context=context)
    rclpy.shutdown(context=context)


def replay(sender: Node, source: MessageSource, **settings: Any) -> Replay:
    return Replay(sender, source, ReplaySettings(**settings))


def stamps(messages: Sequence[Any]) -> list[int]:
    return [m.header.stamp.sec * SECOND + m.header.stamp.nanosec for m in messages]


def ticks(clock: list) -> list[int]:
    """What was heard of /clock [ns]."""
    return [message.clock.sec * SECOND + message.clock.nanosec for message in clock]


def test_subscribers_get_every_message_with_its_stamp_beside_a_clock_that_only_grows(
    sender: Node, world: World, bag: Path
) -> None:
    kinds = dict(zip(TOPICS.stereo, (Image, CameraInfo, Image, CameraInfo), strict=True))
    kinds |= {TOPICS.points: PointCloud2, TOPICS.odometry: Odometry}
    received = {topic: world.listen(kind, topic) for topic, kind in kinds.items()}
    clock = world.listen(Clock, "/clock", 1000)
    player = replay(sender, BagSource(bag), wait=10.0, rate=2.0)
    thread = threading.Thread(target=player.run)
    thread.start()
    world.spin_until(lambda: not thread.is_alive(), timeout=30)
    world.spin_until(lambda: all(len(messages) == 6 for messages in received.values()), timeout=5)
    expected = [int(0.1 * i * SECOND) for i in range(6)]
    assert {topic: stamps(messages) for topic, messages in received.items()} == dict.fromkeys(kinds, expected)
    with open_bag_reader(bag) as reader:
        images = [reader.message(record).data.tobytes() for record in reader.records({TOPICS.left_image})]
    assert [m.data.tobytes() for m in received[TOPICS.left_image]] == images
    world.spin_until(lambda: ticks(clock)[-1] >= expected[-1], timeout=5)
    assert ticks(clock) == sorted(ticks(clock))
    assert len(clock) > 10
    assert player.summary.messages[TOPICS.left_image] == 6
    assert player.summary.skipped.keys() <= {TOPICS.tf_static}


class Recording:
    """Some frames of the times of today, under names of a robot of its own; opening it takes a while."""

    types = {"/front/left/image": "sensor_msgs/msg/Image", "/front/right/image": "sensor_msgs/msg/Image"}  # noqa: RUF012
    begin = 1_700_000_000 * SECOND

    def records(self, offset: float = 0.0) -> Iterator[Record]:
        time.sleep(0.2)
        data = memoryview(serialize_message(Image()))
        for frame in range(3):
            for topic, kind in self.types.items():
                yield Record(self.begin + frame * SECOND // 10, topic, kind, data)


ROBOT = Topics(left_image="/front/left/image", right_image="/front/right/image")


def test_the_clock_begins_with_the_first_message(sender: Node, world: World) -> None:
    clock = world.listen(Clock, "/clock", 1000)
    player = replay(sender, Recording())
    thread = threading.Thread(target=player.run)
    world.spin_until(lambda: world.client.count_publishers("/clock"))
    world.spin(0.5)
    thread.start()
    world.spin_until(lambda: not thread.is_alive())
    world.spin(0.2)
    assert min(ticks(clock)) >= Recording.begin


@pytest.mark.parametrize("how", ["wait", "lockstep"])
def test_a_recording_of_unknown_topics_is_not_waited_for_silently(sender: Node, how: str) -> None:
    with pytest.raises(
        SscError, match=r"no messages on /left/image_rect.*only on /front/left/image.*--topic left_image="
    ):
        replay(sender, Recording(), **{how: 1.0}).run()


def test_a_recording_may_have_topics_of_other_names(sender: Node, world: World) -> None:
    with pytest.raises(SscError, match="nobody subscribes to /front/left/image"):
        replay(sender, Recording(), wait=0.3, topics=ROBOT).run()
    for topic in Recording.types:
        world.listen(Image, topic)
    player = replay(sender, Recording(), wait=20.0, topics=ROBOT)
    player.run()
    assert str(player.summary).startswith("3 frames, 6 messages")


def test_without_a_node_it_gives_up_and_says_what_to_start(sender: Node, bag: Path) -> None:
    with pytest.raises(SscError, match=r"after 0\.3 s nobody subscribes to /left/image_rect.*start `ssc-ros node`"):
        replay(sender, BagSource(bag), wait=0.3).run()


def test_it_waits_until_the_node_is_active(sender: Node, world: World, bag: Path) -> None:
    node = world.start(activate=False)
    node.trigger_configure()
    with pytest.raises(SscError, match="/ssc_node is not active"):
        replay(sender, BagSource(bag), wait=1.0).run()
    node.trigger_activate()
    player = replay(sender, BagSource(bag), wait=10.0, rate=10.0)
    player.run()
    assert player.summary.messages[TOPICS.left_image] == 6


def test_in_lockstep_a_slow_node_completes_every_frame(sender: Node, world: World, bag: Path) -> None:
    completer = TinyCompleter(work=0.15)
    world.start(load=lambda settings: completer)
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.await_listener("/ssc_node/grid")
    player = replay(sender, BagSource(bag), wait=10.0, lockstep=10.0, rate=50.0)
    thread = threading.Thread(target=player.run)
    thread.start()
    world.spin_until(lambda: not thread.is_alive(), timeout=30)
    world.spin_until(lambda: len(grids) == 6, timeout=5)
    assert stamps(grids) == [int(0.1 * i * SECOND) for i in range(6)]
    assert player.summary.unanswered == 0
    assert all(frame.points is not None for frame in completer.frames)


def test_messages_of_unknown_packages_are_left_out_and_named(sender: Node) -> None:
    class Source:
        types = {"/a": "not_installed_msgs/msg/Thing", "/b": "std_msgs/msg/NoSuchType", "/c": "std_msgs/msg/String"}  # noqa: RUF012

        def records(self, offset: float = 0.0) -> Iterator[Record]:
            return iter(())

    player = replay(sender, Source())
    assert player.summary.skipped == {"/a": "not_installed_msgs", "/b": "std_msgs"}
    with pytest.raises(SscError, match="nothing to play"):
        player.run()


def run_command(domain: int, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    command = [sys.executable, "-m", "ssc_ros.cli", "replay", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def test_interrupting_a_loop_is_no_error(world: World, domain: int, bag: Path) -> None:
    infos = world.listen(CameraInfo, TOPICS.left_info)
    with run_command(domain, "--bag", str(bag), "--loop", "--rate", "5") as process:
        world.spin_until(lambda: len(infos) > 8, timeout=60)  # the recording has six
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # as from a launch, which passes on what the terminal has sent already
        text, _ = process.communicate(timeout=20)
    assert process.returncode == 0, text
    assert "Traceback" not in text
    assert "played" in text
    assert stamps(infos) != sorted(stamps(infos))  # time went back


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bag", "/nowhere"], "there is no bag at /nowhere"),
        (["--data", "{root}"], "--data needs --sequence"),
        (["--data", "{root}", "--sequence", "08", "--frames", "9:"], "no frames chosen: sequence 08 has 6"),
        (["--data", "{root}", "--sequence", "08", "--start-offset", "9"], "nothing to play from 9 s on"),
        (["--bag", "{bag}", "--start-offset", "9"], "nothing to play from 9 s on"),
    ],
)
def test_what_cannot_be_played_is_said_in_one_line(
    domain: int, kitti_tree: Path, bag: Path, arguments: list[str], message: str
) -> None:
    with run_command(domain, *(a.format(root=kitti_tree, bag=bag) for a in arguments)) as process:
        text, _ = process.communicate(timeout=60)
    errors = [line for line in text.splitlines() if not line.startswith("[INFO]")]
    assert process.returncode == 1
    assert len(errors) == 1, text
    assert message in errors[0]
