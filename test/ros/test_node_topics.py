"""Which topics the node listens to, with which quality of service, and what `~/reset` forgets of them."""

from __future__ import annotations

from typing import Any

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger

from ssc_ros.ros.node import SscNode
from ssc_ros_msgs.msg import SemanticVoxelGrid

from .rig import IMAGES, OPTICAL, SECOND, T0, info_message
from .world import World

LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


def inputs(node: SscNode) -> set[str]:
    return {topic.name for topic in node._parts.subscriptions.all}


def test_compressed_images_are_looked_for_beside_the_remapped_topic(world: World) -> None:
    """As image_transport does: the base topic is remapped, and the transport's name stands behind it."""
    arguments = ["--ros-args", "-r", "left/image_rect:=/front/left/image"]
    overrides = [Parameter("image_transport", value="compressed"), Parameter("camera.extrinsics", value=OPTICAL)]
    node = SscNode(world.load, overrides, cli_args=arguments, context=world.context)
    world.sensors, world.reads_classes = ("stereo",), False
    try:
        node.trigger_configure()
        assert {"/front/left/image/compressed", "/right/image_rect/compressed"} <= inputs(node)
    finally:
        node.destroy_node()


@pytest.fixture
def latched_infos(world: World) -> None:
    for side in ("left", "right"):
        world.rig.publish(f"{side}/camera_info", info_message(T0, side), LATCHED)


@pytest.mark.usefixtures("latched_infos")
def test_a_calibration_that_was_published_once_before_the_start_arrives(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False)
    for topic in IMAGES:
        world.rig.advertise(topic)
    world.connect(*IMAGES)
    world.await_listener("/ssc_node/grid")
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    assert world.drops == {}


@pytest.mark.usefixtures("latched_infos")
def test_a_latched_calibration_is_asked_for_again_after_a_reset(world: World) -> None:
    node = world.start(lidar__enabled=False)
    infos = [topic for topic in node._parts.subscriptions.all if topic.name.endswith("camera_info")]
    world.spin_until(lambda: all(topic.newest for topic in infos))
    heard = [topic.rate.total for topic in infos]
    assert world.call(Trigger, "ssc_node/reset").success
    world.spin_until(lambda: all(topic.newest for topic in infos))
    assert all(topic.rate.total > before for topic, before in zip(infos, heard, strict=True))


def test_after_a_reset_the_calibration_is_forgotten(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False)
    world.connect_rig()
    world.await_listener("/ssc_node/grid")
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    assert "calibration" in world.call(Trigger, "ssc_node/reset").message
    world.rig.images(T0 + SECOND)
    world.spin_until(lambda: world.drops.get("no_calibration"))
    world.rig.infos(T0 + SECOND, baseline=0.25)
    world.spin(0.3)
    world.rig.images(T0 + 2 * SECOND)
    world.spin_until(lambda: len(grids) == 2)
    assert world.completer.frames[-1].rig.baseline == pytest.approx(0.25)


def own(endpoints: list[Any]) -> QoSProfile:
    """Quality of service of the node's only endpoint among these."""
    (profile,) = [endpoint.qos_profile for endpoint in endpoints if endpoint.node_name == "ssc_node"]
    return profile


def test_quality_of_service_is_what_the_overrides_say(world: World) -> None:
    overrides = {
        "qos_overrides./left/image_rect.subscription.reliability": "reliable",
        "qos_overrides./left/image_rect.subscription.durability": "transient_local",
        "qos_overrides./left/image_rect.subscription.depth": 3,
        "qos_overrides./ssc_node/grid.publisher.durability": "transient_local",
    }
    world.start(lidar__enabled=False, **{name.replace(".", "__"): value for name, value in overrides.items()})
    client: Node = world.client
    world.spin_until(lambda: client.count_subscribers("/left/image_rect") and client.count_publishers("/ssc_node/grid"))
    read = own(client.get_subscriptions_info_by_topic("/left/image_rect"))
    assert read.reliability == QoSReliabilityPolicy.RELIABLE
    assert read.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
    written = own(client.get_publishers_info_by_topic("/ssc_node/grid"))
    assert written.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
    # a topic that nothing overrides fits every publisher
    right = own(client.get_subscriptions_info_by_topic("/right/image_rect"))
    assert right.reliability == QoSReliabilityPolicy.BEST_EFFORT


def test_a_calibration_of_a_volatile_publisher_needs_no_advice(world: World) -> None:
    node = world.start(lidar__enabled=False)
    world.rig.advertise("left/camera_info", CameraInfo)
    world.connect("left/camera_info")
    assert node._parts.branches[0].host.qos_watch.unfit_publishers("left/camera_info") == []
