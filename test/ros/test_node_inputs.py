"""What the node makes of images, calibration, transforms, ego poses and time, over DDS."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage

from ssc_ros.messages.drops import Drop
from ssc_ros.ros import stereo_input
from ssc_ros.ros.node import SscNode
from ssc_ros_msgs.msg import SemanticVoxelGrid

from .rig import IMAGES, INFOS, SECOND, T0, stamp_of
from .world import World


def test_odometry_reaches_the_frame_in_the_grid_frame(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    # the child frame sits 1 m in front of the grid frame
    world.start(lidar__enabled=False, odometry__extrinsics=[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    world.connect_rig()
    world.rig.advertise("odometry", Odometry)
    world.connect("odometry")
    for seconds, x in ((0.0, 10.0), (0.1, 12.0)):
        pose = Odometry(child_frame_id="base_link")
        pose.header = world.rig.header(T0 + round(seconds * SECOND), "odom")
        pose.pose.pose.position.x, pose.pose.pose.orientation.w = x, 1.0
        world.rig.publish("odometry", pose)
    world.spin(0.3)
    world.rig.images(T0 + SECOND // 20)
    world.spin_until(lambda: grids)
    expected = np.eye(4)
    expected[0, 3] = 11.0 - 1.0
    np.testing.assert_allclose(world.completer.frames[-1].T_world_grid, expected, atol=1e-9)


WRONG = {
    "image_size": {"width": 32},
    "encoding": {"encoding": "32FC1"},
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_wrong_image_is_counted_and_the_next_good_one_completed(world: World, reason: str) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False)
    world.connect_rig()
    world.rig.images(T0, **WRONG[reason])
    world.spin_until(lambda: world.drops == {reason: 1})
    world.rig.images(T0 + SECOND)
    world.spin_until(lambda: grids)
    assert world.stamp_of(grids[0]) == T0 + SECOND
    assert world.drops == {reason: 1}


@pytest.fixture
def uncalibrated(world: World, monkeypatch: pytest.MonkeyPatch) -> SscNode:
    """A node whose first two pairs wait for their calibration."""
    monkeypatch.setattr(stereo_input, "CALIBRATION_WAIT", 60.0)
    node = world.start(lidar__enabled=False)
    for topic in IMAGES:
        world.rig.advertise(topic)
    world.connect(*IMAGES)
    for k in range(2):
        world.rig.images(T0 + k * SECOND)
    world.spin_until(lambda: len(node._parts.branches[0]._input._uncalibrated) == 2)
    return node


@pytest.mark.usefixtures("uncalibrated")
def test_the_first_pairs_wait_for_a_calibration_that_comes_just_after_them(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.await_listener("/ssc_node/grid")
    world.rig.infos(T0)
    world.connect(*INFOS)
    world.rig.infos(T0)
    world.spin_until(lambda: len(grids) == 2)
    assert [stamp_of(grid) for grid in grids] == [T0, T0 + SECOND]
    assert world.drops == {}


def test_pairs_that_wait_for_their_calibration_are_dropped_with_the_others(world: World, uncalibrated: SscNode) -> None:
    uncalibrated.trigger_deactivate()
    assert world.drops == {"paused": 2}


@pytest.mark.parametrize(
    ("reason", "bad", "parameters"),
    [
        ("calibration", {"fx": 0.0}, {}),
        ("calibration", {"baseline": -0.5}, {}),
        ("frame_id", {"frame_id": "elsewhere"}, {"camera__frame_id": "camera"}),
        ("extrinsics", {"frame_id": "camera"}, {"camera__extrinsics": None}),
    ],
    ids=["zero P", "swapped cameras", "frame", "no extrinsics"],
)
def test_a_wrong_calibration_is_counted_and_explained(
    world: World, reason: str, bad: dict[str, Any], parameters: dict[str, Any]
) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    node = world.start(lidar__enabled=False, **parameters)
    world.connect_rig(**bad)
    world.rig.images(T0)
    world.spin_until(lambda: world.drops == {reason: 1})
    assert not grids
    text = next(iter(node._parts.branches[0].drops.explanations().values()))
    if reason == "extrinsics":
        assert "camera.extrinsics" in text
        assert "'camera'" in text
        assert "'velodyne'" in text
    else:
        world.rig.infos(T0)
        world.spin(0.2)
        world.rig.images(T0 + SECOND)
        world.spin_until(lambda: grids)


def test_images_from_the_future_are_dropped(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False)
    world.connect_rig()
    now = world.client.get_clock().now().nanoseconds
    world.rig.images(now + 3600 * SECOND)
    world.spin_until(lambda: world.drops == {"future": 2})
    world.rig.images(now)
    world.spin_until(lambda: grids)
    assert world.stamp_of(grids[0]) == now


def test_a_replay_that_starts_over_goes_on_working(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False)
    world.connect_rig()
    world.rig.images(T0 + 100 * SECOND)
    world.spin_until(lambda: len(grids) == 1)
    world.rig.publish("left/image_rect", world.rig.image(T0 + 101 * SECOND))  # waits for its partner
    world.spin(0.2)
    world.rig.images(T0)
    world.spin_until(lambda: len(grids) == 2)
    assert world.stamp_of(grids[1]) == T0
    assert world.drops == {"time_jump": 1}


def test_the_clock_of_a_replay_may_start_over(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    node = world.start(lidar__enabled=False, use_sim_time=True)
    world.connect_rig()
    world.rig.advertise("/clock", Clock)
    world.connect("/clock")
    world.rig.images(100 * SECOND)
    world.spin_until(lambda: world.drops == {"future": 2})  # no clock yet
    assert "/clock" in node._parts.branches[0].drops.explanations()[Drop.FUTURE]
    for number, time in enumerate((100, 50), start=1):
        world.rig.publish("/clock", Clock(clock=Time(sec=time)))
        world.spin_until(lambda: node.get_clock().now().nanoseconds == time * SECOND)  # noqa: B023
        world.rig.images(time * SECOND)
        world.spin_until(lambda: len(grids) == number)  # noqa: B023
    world.rig.images(51 * SECOND)
    world.spin_until(lambda: world.drops == {"future": 4})


def test_compressed_images_are_taken_where_they_are_asked_for(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False, image_transport="compressed")
    world.rig.infos(T0)
    for side in ("left", "right"):
        world.rig.advertise(f"{side}/image_rect/compressed", CompressedImage)
    world.connect(*(f"{side}/image_rect/compressed" for side in ("left", "right")), "left/camera_info")
    world.rig.infos(T0)
    picture = np.full((48, 64, 3), (10, 200, 90), np.uint8)
    _, data = cv2.imencode(".png", picture[..., ::-1])
    for side in ("left", "right"):
        message = CompressedImage(header=world.rig.header(T0, "camera"), format="rgb8; png compressed bgr8")
        message.data = data.tobytes()
        world.rig.publish(f"{side}/image_rect/compressed", message)
    world.spin_until(lambda: grids)
    np.testing.assert_array_equal(world.completer.frames[-1].left, picture)


def test_extrinsics_come_from_tf_where_it_is_installed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for tf2_ros, which PyPI does not have: asked with the frames of the messages, then remembered."""
    asked = []

    class TransformException(Exception):
        pass

    class Buffer:
        def __init__(self, node: Node) -> None:
            assert node.get_name() == "ssc_node"

        def lookup_transform(self, target: str, source: str, time: Time) -> TransformStamped:
            asked.append((target, source))
            if len(asked) == 1:
                raise TransformException("not yet")
            transform = TransformStamped()
            transform.transform.translation.x = 0.25
            q = transform.transform.rotation
            q.x, q.y, q.z, q.w = -0.5, 0.5, -0.5, 0.5
            return transform

    tf2_ros = SimpleNamespace(
        Buffer=Buffer, TransformException=TransformException, TransformListener=lambda buffer, node, spin_thread: None
    )
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2_ros)
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False, camera__extrinsics=None)
    world.connect_rig()
    world.rig.images(T0)
    world.spin_until(lambda: world.drops == {"extrinsics": 1})
    for k in (1, 2):
        world.rig.images(T0 + k * SECOND)
        world.spin_until(lambda: len(grids) == k)  # noqa: B023
    assert asked == [("velodyne", "camera")] * 2
    rig = world.completer.frames[-1].rig
    np.testing.assert_allclose(rig.T_grid_camera @ [0, 0, 1, 1], [1.25, 0, 0, 1], atol=1e-12)
