"""What the node makes of point clouds, as the checkpoint needs them: not at all, where they come, or always."""

from __future__ import annotations

from typing import Any

import pytest
import rclpy
import rclpy.lifecycle
from diagnostic_msgs.msg import DiagnosticArray

from ssc_ros.core import LIDAR, STEREO
from ssc_ros.messages.codec import decode
from ssc_ros.messages.drops import Drop
from ssc_ros_msgs.msg import SemanticVoxelGrid, Status

from .rig import SECOND, T0
from .tiny_networks import TinySegmenter
from .world import World


def test_a_sweep_in_time_is_used_and_a_late_one_degrades_to_stereo_alone(world: World) -> None:
    grids, statuses = world.listen(SemanticVoxelGrid, "ssc_node/grid"), world.listen(Status, "ssc_node/status")
    world.start(lidar__grace_time=0.2)
    world.connect_rig(points=True)
    world.rig.images(T0)
    world.rig.points(T0 + SECOND // 100)
    world.spin_until(lambda: statuses)
    world.rig.images(T0 + SECOND)  # its sweep never comes
    world.spin_until(lambda: len(statuses) == 2 and len(grids) == 2)
    assert [status.lidar_used for status in statuses] == [True, False]
    assert (decode(grids[0]).labels == world.building).sum() == 1
    assert (decode(grids[1]).labels == world.building).sum() == 0
    assert world.drops == {"cloud_late": 1}
    assert statuses[1].drops == 0


@pytest.mark.parametrize(
    ("reason", "cloud"),
    [
        ("cloud_empty", {"points": []}),
        ("cloud_empty", {"points": [(float("nan"), 0.0, 0.0)]}),
        ("cloud_frame", {"frame_id": "elsewhere"}),
    ],
    ids=["empty", "NaN", "frame"],
)
def test_a_wrong_cloud_is_counted_and_the_frame_completed_from_stereo(
    world: World, reason: str, cloud: dict[str, Any]
) -> None:
    statuses = world.listen(Status, "ssc_node/status")
    world.start()
    world.connect_rig(points=True)
    world.rig.points(T0, **cloud)
    world.rig.images(T0)
    world.spin_until(lambda: statuses)
    assert world.drops == {reason: 1}
    world.rig.points(T0 + SECOND)
    world.rig.images(T0 + SECOND)
    world.spin_until(lambda: len(statuses) == 2)
    assert [status.lidar_used for status in statuses] == [False, True]


@pytest.fixture(params=[(STEREO,), (STEREO, LIDAR)], ids=["a camera checkpoint", "lidar.enabled false"])
def without_clouds(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How to start a node that does not use point clouds."""
    return {"sensors": request.param} | ({"lidar__enabled": False} if LIDAR in request.param else {})


def test_clouds_that_are_not_used_are_neither_subscribed_to_nor_waited_for(
    world: World, without_clouds: dict[str, Any]
) -> None:
    statuses = world.listen(Status, "ssc_node/status")
    node = world.start(lidar__grace_time=5.0, **without_clouds)
    world.connect_rig()
    world.rig.points(T0)
    world.rig.images(T0)
    world.spin_until(lambda: statuses)
    assert not statuses[0].lidar_used
    assert world.completer.frames[0].points is None
    assert world.client.count_subscribers("points") == 0
    assert not any("points" in topic.name for topic in node._parts.subscriptions.all)
    assert world.drops == {}


def test_a_pair_whose_cloud_does_not_come_is_dropped_where_the_checkpoint_needs_it(world: World) -> None:
    grids, statuses = world.listen(SemanticVoxelGrid, "ssc_node/grid"), world.listen(Status, "ssc_node/status")
    world.start(sensors=(LIDAR,), lidar__grace_time=0.2)
    world.connect_rig(points=True)
    world.rig.images(T0)
    world.rig.points(T0 + SECOND // 100)
    world.spin_until(lambda: grids)
    world.rig.images(T0 + SECOND)  # its sweep never comes
    world.spin_until(lambda: world.drops == {"no_cloud": 2})  # two images
    world.rig.images(T0 + 2 * SECOND)
    world.rig.points(T0 + 2 * SECOND)
    world.spin_until(lambda: len(grids) == 2 and len(statuses) == 2)
    assert [world.stamp_of(grid) for grid in grids] == [T0, T0 + 2 * SECOND]
    assert [(decode(grid).labels == world.building).sum() for grid in grids] == [1, 1]
    assert [status.lidar_used for status in statuses] == [True, True]
    assert [status.drops for status in statuses] == [0, 2]


@pytest.mark.parametrize("cloud", [{"points": []}, {"frame_id": "elsewhere"}], ids=["empty", "frame"])
def test_a_wrong_cloud_costs_the_frame_where_the_checkpoint_needs_it(world: World, cloud: dict[str, Any]) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    node = world.start(sensors=(LIDAR,))
    world.connect_rig(points=True)
    world.rig.points(T0, **cloud)
    world.rig.images(T0)
    world.spin_until(lambda: world.drops == {"bad_cloud": 1})
    assert "reads LiDAR" in node._parts.branches[0].drops.explanations()[Drop.BAD_CLOUD]
    world.rig.points(T0 + SECOND)
    world.rig.images(T0 + SECOND)
    world.spin_until(lambda: grids)
    assert world.stamp_of(grids[0]) == T0 + SECOND


def test_the_watchdog_names_the_missing_lidar(world: World) -> None:
    messages = world.listen(DiagnosticArray, "/diagnostics")
    world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(sensors=(LIDAR,), diagnostics__watchdog_period=1.0)
    world.connect_rig()

    def explained() -> bool:
        world.rig.images(world.client.get_clock().now().nanoseconds)
        return any("nobody publishes /points" in status.message for array in messages for status in array.status)

    world.spin_until(explained, what="for the reason")
    assert not world.drops.get("bad_cloud")  # a missing sweep, not an unusable one


def test_lidar_cannot_be_disabled_where_the_checkpoint_reads_nothing_else(world: World) -> None:
    node = world.start(sensors=(LIDAR,), lidar__enabled=False, activate=False)
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.FAILURE
    assert node.set_parameters([rclpy.Parameter("lidar.enabled", value=True)])[0].successful
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.SUCCESS


def test_a_pair_does_not_wait_for_clouds_that_only_the_segmentation_wants(world: World) -> None:
    """A network that reads stereo alone: each pair had waited for the whole grace time."""
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(segmenter=TinySegmenter(), sensors=(STEREO,), lidar__grace_time=1.0)
    world.connect_rig(points=True)
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    assert "cloud_late" not in world.drops
