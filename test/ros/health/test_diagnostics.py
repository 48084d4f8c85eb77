"""What the node says of itself: rates, drops, and why nothing comes out."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import qos_profile_sensor_data

from ssc_ros_msgs.msg import SemanticVoxelGrid

from ..rig import SECOND, T0
from ..world import World


def statuses_of(messages: list[DiagnosticArray]) -> dict[str, DiagnosticStatus]:
    return {status.name.removeprefix("ssc_node: "): status for status in messages[-1].status} if messages else {}


def test_diagnostics_tell_rates_latencies_drops_and_the_checkpoint(world: World) -> None:
    messages = world.listen(DiagnosticArray, "/diagnostics")
    world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False)
    world.connect_rig()
    now = world.client.get_clock().now().nanoseconds
    world.rig.images(now - SECOND)
    world.spin(0.1)
    world.rig.images(now - SECOND // 2, encoding="32FC1")

    def told() -> bool:
        values = {kv.key: kv.value for kv in statuses_of(messages).get("drops", DiagnosticArray()).values or ()}
        return values.get("encoding") == "1"

    world.spin_until(lambda: statuses_of(messages) and told())
    status = statuses_of(messages)
    frames = {kv.key: kv.value for kv in status["frames"].values}
    assert frames["published"] == "1"
    assert 1000 < float(frames["latency stamp to publication, median [ms]"]) < 9000
    assert status["model"].hardware_id == "tiny"
    model = {kv.key: kv.value for kv in status["model"].values}
    assert model["sensors"] == "stereo, lidar"
    assert float(model["resident memory [MB]"]) > 10


def test_the_watchdog_names_a_publisher_of_the_wrong_qos(world: World) -> None:
    """We ask for reliable images here; the camera offers best effort. Nothing can arrive, and the node says why."""
    messages = world.listen(DiagnosticArray, "/diagnostics")
    world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.rig.qos = qos_profile_sensor_data
    overrides = {f"qos_overrides__{topic}__subscription__reliability": "reliable" for topic in ("/left/image_rect",)}
    world.start(lidar__enabled=False, diagnostics__watchdog_period=1.0, **overrides)
    world.rig.infos(T0)
    world.rig.images(T0)
    world.spin_until(
        lambda: "reliab" in statuses_of(messages)["frames"].message.lower() if messages else False,
        what="for the reason",
    )
    told = statuses_of(messages)
    assert "/left/image_rect" in told["frames"].message
    assert "qos_overrides./left/image_rect.subscription.reliability" in told["connections"].message
    assert told["connections"].level == told["frames"].level == b"\x02"


def test_a_subscriber_of_the_wrong_qos_is_reported(world: World) -> None:
    messages = world.listen(DiagnosticArray, "/diagnostics")
    world.listen(SemanticVoxelGrid, "ssc_node/grid", world.latched)  # more durable than offered
    world.start(lidar__enabled=False)
    world.spin_until(lambda: "ssc_node/grid" in statuses_of(messages)["connections"].message if messages else False)
    assert "urability" in statuses_of(messages)["connections"].message


def test_the_watchdog_names_the_missing_camera(world: World) -> None:
    messages = world.listen(DiagnosticArray, "/diagnostics")
    world.start(lidar__enabled=False, diagnostics__watchdog_period=1.0)
    world.spin_until(lambda: "nobody publishes" in statuses_of(messages)["frames"].message if messages else False)
    assert "/left/image_rect" in statuses_of(messages)["frames"].message
