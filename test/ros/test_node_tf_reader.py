"""TF without tf2_ros, over DDS: extrinsics and poses against chains by SciPy, and silence where parameters say all."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from ssc_ros.ros.tf_reader import TfReader
from ssc_ros_msgs.msg import SemanticVoxelGrid

from .rig import SECOND, T0, header
from .tiny_networks import TinyCompleter
from .world import World

tf2_msgs = pytest.importorskip("tf2_msgs.msg")

Place = tuple[tuple[float, float, float], Rotation]
MAST: Place = (0.4, -0.2, 1.1), Rotation.from_euler("zyx", [0.3, 0.1, -0.2])
CAMERA: Place = (0.05, 0.1, 0.02), Rotation.from_quat([-0.5, 0.5, -0.5, 0.5])
LIDAR: Place = (0.6, 0.0, 1.4), Rotation.from_euler("z", 0.05)


@pytest.fixture(autouse=True)
def without_tf2_ros(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)


def stamped(parent: str, child: str, place: Place, stamp: int = 0) -> TransformStamped:
    message = TransformStamped(header=header(stamp, parent), child_frame_id=child)
    t, q = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = map(float, place[0])
    q.x, q.y, q.z, q.w = map(float, place[1].as_quat())
    return message


def matrix(place: Place) -> NDArray[np.float64]:
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = place[1].as_matrix(), place[0]
    return result


class Tree:
    """Publishes transforms as two drivers and a localisation would."""

    def __init__(self, world: World) -> None:
        self.world = world
        publisher = world.client.create_publisher
        self.static = [publisher(tf2_msgs.TFMessage, "/tf_static", world.latched) for _ in range(2)]
        self.moving = publisher(tf2_msgs.TFMessage, "/tf", 100)
        self.static[0].publish(tf2_msgs.TFMessage(transforms=[stamped("base", "mast", MAST)]))
        self.static[1].publish(
            tf2_msgs.TFMessage(transforms=[stamped("mast", "camera", CAMERA), stamped("base", "velodyne", LIDAR)])
        )

    def move(self, stamp: int, place: Place) -> None:
        self.moving.publish(tf2_msgs.TFMessage(transforms=[stamped("odom", "base", place, stamp)]))


def complete_one(world: World, completer: TinyCompleter, stamp: int) -> Any:
    """Publish pairs, a second apart, until one is completed; the frame."""
    for number in range(100):
        world.rig.images(stamp + number * SECOND)
        world.spin(0.1)
        if completer.frames:
            return completer.frames[-1]
    raise AssertionError(f"no grid: {world.drops}")


def start(world: World, **parameters: Any) -> TinyCompleter:
    completer = TinyCompleter(history=1)
    world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lambda settings: completer, **parameters)
    world.connect_rig()
    return completer


def test_extrinsics_come_from_tf_static_alone(world: World) -> None:
    Tree(world)
    completer = start(world, camera__extrinsics=None)
    frame = complete_one(world, completer, T0)
    expected = np.linalg.inv(matrix(LIDAR)) @ matrix(MAST) @ matrix(CAMERA)
    np.testing.assert_allclose(frame.rig.T_grid_camera, expected, atol=1e-9)
    # nothing that moves is of use to a camera that stands still, and is listened to only as long as nobody knows
    world.spin_until(lambda: world.client.count_subscribers("/tf") == 0)
    assert world.client.count_subscribers("/tf_static") == 1


def test_nothing_is_listened_to_where_the_parameters_say_where_all_sensors_are(world: World) -> None:
    Tree(world)
    there = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    completer = start(world, lidar__extrinsics=there, odometry__extrinsics=there)
    complete_one(world, completer, T0)
    assert world.client.count_subscribers("/tf_static") == 0
    assert world.client.count_subscribers("/tf") == 0


def test_the_pose_is_the_chain_at_the_image_s_stamp(world: World) -> None:
    tree = Tree(world)
    completer = start(world, odometry__source="tf", odometry__max_gap=1.0)
    world.spin_until(lambda: world.client.count_subscribers("/tf") == 1)
    world.spin_until(lambda: tree.moving.get_subscription_count() == 1)
    reader = world.nodes[-1][0]._transform_source
    assert isinstance(reader, TfReader)
    world.spin_until(lambda: len(reader._tree.frames) == 4)
    places = [((float(k), 0.5 * k, 0.0), Rotation.from_euler("z", 0.4 * k)) for k in range(2)]
    for k, place in enumerate(places):
        tree.move(T0 + k * SECOND // 10, place)
    world.rig.images(T0 + SECOND // 20)
    world.spin_until(lambda: completer.frames)
    # the LiDAR's own path is interpolated, as with tf2: straight between its two places, turned half way
    first, last = (matrix(place) @ matrix(LIDAR) for place in places)
    turned = Slerp([0, 1], Rotation.from_matrix([first[:3, :3], last[:3, :3]]))(0.5)
    pose = completer.frames[-1].T_world_grid
    np.testing.assert_allclose(pose[:3, :3], turned.as_matrix(), atol=1e-9)
    np.testing.assert_allclose(pose[:3, 3], (first[:3, 3] + last[:3, 3]) / 2, atol=1e-9)


def test_a_frame_that_nobody_knows_is_named(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    Tree(world)
    start(world, camera__extrinsics=None, grid__frame_id="moon")
    world.rig.images(T0)
    world.spin_until(lambda: world.drops)
    world.spin(0.3)
    assert "TF does not connect 'camera' with 'moon'" in capfd.readouterr().err
