"""The ego pose by TF: at the image's stamp, missing, and back again, over DDS.

tf2_ros is not on PyPI, so it has a stand-in here, which listens to /tf as the real one does and knows one chain of
frames.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.time import Time

from ssc_ros.ros.tf import TfSource
from ssc_ros_msgs.msg import SemanticVoxelGrid

from .drive import Drive
from .rig import SECOND, T0, header, stamp_of
from .tiny_networks import TinyCompleter
from .world import World

MOUNTED = 0.75
"""The LiDAR is so far ahead of base_link [m]."""


class TransformException(Exception):
    pass


class Buffer:
    """odom -> base_link moves, base_link -> velodyne does not."""

    def __init__(self, node: Node) -> None:
        self.newest = None

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        assert (transform.header.frame_id, transform.child_frame_id) == ("odom", "base_link")
        self.newest = transform

    def lookup_transform(self, target: str, source: str, time: Time) -> TransformStamped:
        assert time.nanoseconds == 0  # "the newest" for tf2
        if self.newest is None or (target, source) != ("odom", "velodyne"):
            raise TransformException(f'"{source}" is not connected with "{target}"')
        moved, q = TransformStamped(header=self.newest.header), self.newest.transform.rotation
        moved.transform.rotation = q
        yaw = 2 * np.arctan2(q.z, q.w)
        moved.transform.translation.x = self.newest.transform.translation.x + MOUNTED * np.cos(yaw)
        moved.transform.translation.y = self.newest.transform.translation.y + MOUNTED * np.sin(yaw)
        return moved


class TransformListener:
    """tf2_ros' own takes a TFMessage, a list of what this one takes one by one."""

    def __init__(self, buffer: TfSource, node: Node, spin_thread: bool) -> None:
        node.create_subscription(TransformStamped, "/tf", lambda one: buffer.set_transform(one, "somebody"), 100)


@pytest.fixture
def tf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sys.modules,
        "tf2_ros",
        SimpleNamespace(Buffer=Buffer, TransformException=TransformException, TransformListener=TransformListener),
    )


def moved(stamp: int, x: float, yaw: float = 0.0) -> TransformStamped:
    transform = TransformStamped(header=header(stamp, "odom"), child_frame_id="base_link")
    transform.transform.translation.x = x
    transform.transform.rotation.z, transform.transform.rotation.w = np.sin(yaw / 2), np.cos(yaw / 2)
    return transform


def connect(world: World) -> None:
    world.rig.advertise("/tf", TransformStamped)
    world.connect("/tf")


def test_the_pose_is_that_of_the_image_s_stamp(world: World, tf: None) -> None:
    """A turn of 0.4 rad/s on the spot: half way between two transforms, and exactly at one."""
    completer = TinyCompleter(history=1)
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lambda settings: completer, odometry__source="tf", odometry__max_gap=1.0)
    world.connect_rig()
    connect(world)
    for k in range(3):
        world.rig.publish("/tf", moved(T0 + k * SECOND // 10, 5.0, 0.04 * k))
    for number, tenths in enumerate((0.5, 2.0)):
        stamp = T0 + round(tenths * SECOND / 10)
        world.rig.images(stamp)
        world.spin_until(lambda: len(grids) > number, what="for a grid")  # noqa: B023
        assert stamp_of(grids[-1]) == stamp
        yaw, pose = 0.04 * tenths, completer.frames[-1].T_world_grid
        turned = [[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]]
        np.testing.assert_allclose(pose[:3, :3], turned, atol=1e-9)
        # between two transforms the LiDAR goes straight, 0.15 mm beside its arc
        np.testing.assert_allclose(pose[:2, 3], [5 + MOUNTED * np.cos(yaw), MOUNTED * np.sin(yaw)], atol=2e-4)
    assert world.drops == {}


class TfDrive(Drive):
    """The same robot, whose pose is told by TF."""

    def __init__(self, world: World, **parameters: Any) -> None:
        super().__init__(world, odometry__source="tf", **parameters)

    def connect(self, enabled: bool) -> None:
        connect(self.world)

    def tell(self, x: float) -> None:
        self.world.rig.publish("/tf", moved(self.stamp, x))


def test_transforms_that_cease_cost_the_past_and_bring_it_back(world: World, tf: None) -> None:
    drive = TfDrive(world)
    drive.go(6)
    assert drive.used == [0, 0, 1, 1, 2, 2]
    assert world.drops == {}
    drive.go(3, pose=False)
    assert drive.used[6:] == [0, 0, 0]
    world.spin_until(lambda: world.drops == {"pose_missing": 3})
    world.spin_until(lambda: "the transform of 'velodyne' in 'odom' on /tf" in drive.told()[1])
    assert drive.told()[0] == b"\x01"
    drive.go(5)
    assert drive.used[9:] == [0, 0, 1, 1, 2]
    world.spin_until(lambda: drive.told()[0] == b"\x00")


def test_a_frame_that_nobody_knows_gives_no_pose(world: World, tf: None) -> None:
    drive = TfDrive(world, odometry__fixed_frame="map")
    drive.go(2)
    assert drive.used == [0, 0]
    world.spin_until(lambda: world.drops == {"pose_missing": 2})


def test_without_anything_of_tf_the_node_says_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for package in ("tf2_ros", "tf2_msgs", "tf2_msgs.msg"):
        monkeypatch.setitem(sys.modules, package, None)
    node = world.start(activate=False, odometry__source="tf")
    assert not node.start()
    assert "neither tf2_ros nor tf2_msgs is installed: install" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("parameters", "follows"),
    [
        ({}, False),
        ({"camera__extrinsics": None}, True),
        ({"sensors": ("stereo", "lidar")}, True),
        ({"sensors": ("stereo", "lidar"), "lidar__extrinsics": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]}, False),
        ({"sensors": ("stereo", "lidar"), "lidar__enabled": False}, False),
        ({"odometry__source": "tf"}, True),
    ],
    ids=["camera given", "camera not given", "lidar not given", "all given", "lidar not used", "poses by TF"],
)
def test_tf_is_followed_only_where_parameters_leave_something_to_ask(
    world: World, tf: None, parameters: dict[str, Any], follows: bool
) -> None:
    node = world.start(**({"sensors": ("stereo",)} | parameters))
    subscribed = {subscription.topic_name for subscription in node.subscriptions}
    assert ("/tf" in subscribed) is follows
