"""A robot without a camera: its sweeps get classes, and nothing else is done."""

from __future__ import annotations

import numpy as np
import pytest
import rclpy.lifecycle
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import PointCloud2

from ssc_ros.assembly.settings import Settings
from ssc_ros.messages.drops import Drop

from .rig import SECOND, T0, cloud_message, header
from .semantic_clouds import TOPIC, read
from .tiny_networks import TinyCompleter, TinySegmenter
from .world import World


def test_a_robot_without_a_camera_gets_its_points_labelled(world: World) -> None:
    received = world.listen(PointCloud2, TOPIC)
    diagnostics = world.listen(DiagnosticArray, "/diagnostics")

    def never(settings: Settings) -> TinyCompleter:
        raise AssertionError("a completion checkpoint was opened")

    node = world.start(load=never, segmenter=TinySegmenter(), camera__enabled=False, camera__extrinsics=None)
    world.rig.advertise("points")
    world.connect("points")
    world.rig.points(T0)
    world.spin_until(lambda: received)
    assert world.client.count_subscribers("left/image_rect") == 0
    assert world.client.count_publishers("ssc_node/grid") == 0
    world.spin_until(lambda: diagnostics)
    parts = {s.name.removeprefix("ssc_node: ") for s in diagnostics[-1].status}
    assert parts == {"connections", "model", "segmentation"}
    world.spin_until(lambda: node._parts.branches[-1].published.total == 1)


def test_a_node_without_camera_and_segmentation_has_nothing_to_do(world: World) -> None:
    node = world.start(camera__enabled=False, activate=False)
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.FAILURE


def test_the_newest_sweep_wins_and_the_others_are_counted(world: World) -> None:
    segmenter = TinySegmenter()
    segmenter.gate.clear()
    received = world.listen(PointCloud2, TOPIC)
    diagnostics = world.listen(DiagnosticArray, "/diagnostics")
    node = world.start(segmenter=segmenter, camera__enabled=False)
    world.rig.advertise("points")
    world.connect("points")
    try:
        for i in range(5):
            world.rig.points(T0 + i * SECOND)
            world.spin_until(segmenter.begun.is_set)
            busy = max(0, i - 1)
            world.spin_until(lambda: node._parts.branches[-1].drops.counts().get(Drop.BUSY, 0) == busy)  # noqa: B023
    finally:
        segmenter.gate.set()
    world.spin_until(lambda: len(received) == 2)
    assert [world.stamp_of(m) for m in received] == [T0, T0 + 4 * SECOND]

    def told() -> bool:
        statuses = [s for array in diagnostics for s in array.status if s.name.endswith("segmentation")]
        values = [{kv.key: kv.value for kv in s.values} for s in statuses]
        return any(v.get("dropped as busy") == "3" and v["published"] == "2" for v in values)

    world.spin_until(told, what="for the drops on /diagnostics")


@pytest.mark.parametrize(
    ("reason", "cloud"),
    [
        ("cloud_empty", cloud_message(T0, [(float("nan"), 0, 0)])),
        ("cloud_frame", cloud_message(T0, [(1, 0, 0)], frame_id="elsewhere")),
        ("cloud_layout", PointCloud2(header=header(T0, "velodyne"), height=1, width=3, point_step=12, row_step=36)),
    ],
)
def test_a_cloud_that_cannot_be_used_costs_itself_alone(world: World, reason: str, cloud: PointCloud2) -> None:
    received = world.listen(PointCloud2, TOPIC)
    node = world.start(segmenter=TinySegmenter(), camera__enabled=False)
    world.rig.advertise("points")
    world.connect("points")
    world.await_listener("/" + TOPIC)
    world.rig.publish("points", cloud)
    world.spin_until(lambda: {r.value for r in node._parts.branches[-1].drops.counts()} == {reason})
    world.rig.points(T0 + SECOND)
    world.spin_until(lambda: received)
    assert world.stamp_of(received[0]) == T0 + SECOND


def test_the_watchdog_names_the_missing_lidar(world: World) -> None:
    messages = world.listen(DiagnosticArray, "/diagnostics")
    world.start(segmenter=TinySegmenter(), camera__enabled=False, diagnostics__watchdog_period=1.0)
    world.spin_until(
        lambda: any("nobody publishes /points" in s.message for array in messages for s in array.status),
        what="for the reason",
    )


def test_nothing_is_segmented_for_nobody(world: World) -> None:
    node = world.start(segmenter=TinySegmenter(), camera__enabled=False)
    world.rig.advertise("points")
    world.connect("points")
    world.rig.points(T0)
    world.spin_until(lambda: node._parts.branches[-1].skipped == 1)
    assert world.segmenter.sweeps == []
    assert node.set_parameters([rclpy.Parameter("always_run", value=True)])[0].successful
    world.rig.points(T0 + SECOND)
    world.spin_until(lambda: len(world.segmenter.sweeps) == 1)


def test_two_million_points_come_back_while_small_clouds_go_on(world: World) -> None:
    received = world.listen(PointCloud2, TOPIC)
    reliable = {"qos_overrides__/points__subscription__reliability": "reliable"}
    node = world.start(segmenter=TinySegmenter(), camera__enabled=False, **reliable)
    world.rig.advertise("points")
    world.connect("points")
    world.await_listener("/" + TOPIC)
    random = np.random.default_rng(0).normal(0, 20, (2_000_000, 3))
    world.rig.points(T0, random)
    world.spin_until(lambda: received, timeout=120)
    assert received[0].width == 2_000_000
    labels = read(received[0])["label"]
    np.testing.assert_array_equal(labels, np.where(np.float32(random[:, 2]) > 0, world.building, world.road))
    world.rig.points(T0 + SECOND)
    world.spin_until(lambda: len(received) == 2)
    assert node._parts.branches[-1].drops.counts() == {}
