"""What the node publishes, writes and leaves out, over DDS."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import rclpy
import rclpy.lifecycle
from nav_msgs.msg import OccupancyGrid
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Float64
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from ssc_ros.assembly.settings import Settings
from ssc_ros.core import SEMANTIC_KITTI, Frame, SemanticGrid
from ssc_ros.messages.codec import decode
from ssc_ros_msgs.msg import LabelInfo, SemanticVoxelGrid, Status
from ssc_ros_msgs.srv import SaveGrid

from .rig import SECOND, T0
from .tiny_networks import TinyCompleter
from .world import World


def test_a_grid_arrives_with_the_stamp_of_the_left_image_and_the_frame_of_the_grid(world: World) -> None:
    grids, statuses = world.listen(SemanticVoxelGrid, "ssc_node/grid"), world.listen(Status, "ssc_node/status")
    world.start(lidar__enabled=False)
    world.connect_rig()
    world.rig.images(T0)
    world.spin_until(lambda: grids and statuses)
    assert world.stamp_of(grids[0]) == T0
    assert grids[0].header.frame_id == "velodyne"
    expected = np.zeros(world.grid.shape, np.uint8)
    expected[:, :, 0] = world.road
    np.testing.assert_array_equal(decode(grids[0]).labels, expected)
    status = statuses[0]
    assert (status.frame, status.lidar_used, status.odometry_used, status.drops) == (1, False, False, 0)
    assert status.header == grids[0].header


def test_every_output_speaks_of_the_same_grid(world: World) -> None:
    """Obstacles where the LiDAR saw them, in the cloud, the map and the markers; classes on the latched table."""
    kinds = {"occupied": PointCloud2, "bev": OccupancyGrid, "markers": MarkerArray}
    outputs = {topic: world.listen(kind, f"ssc_node/{topic}") for topic, kind in kinds.items()}
    timings = world.listen(Float64, "debug/processing_time/network_ms")
    latencies = world.listen(Float64, "debug/pipeline_latency_ms")
    world.start(markers__enabled=True)
    world.connect_rig(points=True)
    world.rig.points(T0, [(2.1, 0.1, -1.1)])
    world.rig.images(T0)
    world.spin_until(lambda: all(outputs.values()) and timings and latencies)
    labels = world.listen(LabelInfo, "ssc_node/label_info", world.latched)  # later than the node: latched
    world.spin_until(lambda: labels)
    assert list(labels[0].names) == list(SEMANTIC_KITTI.names)
    assert all(messages[0].header.frame_id == "velodyne" for topic, messages in outputs.items() if topic != "markers")
    count = 16 * 16 + 1
    cloud, bev, markers = (messages[0] for messages in outputs.values())
    assert (cloud.width, cloud.height) == (count, 1)
    assert len(markers.markers[1].points) == count
    cells = np.array(bev.data).reshape(bev.info.height, bev.info.width)  # rows are y
    assert cells[8, 5] == 100
    assert (np.delete(cells.ravel(), 8 * 16 + 5) == 0).all()


@pytest.mark.parametrize(("waiting", "completed"), [(1, [0, 4]), (2, [0, 3, 4])])
def test_the_newest_frames_win_and_the_others_are_counted_as_busy(
    world: World, waiting: int, completed: list[int]
) -> None:
    statuses = world.listen(Status, "ssc_node/status")
    world.start(lidar__enabled=False, waiting_frames=waiting)
    world.connect_rig()
    world.completer.gate.clear()
    for k in range(5):
        world.rig.images(T0 + k * SECOND)
        world.spin_until(world.completer.begun.is_set)
        busy = max(0, k - waiting)
        world.spin_until(lambda: world.drops.get("busy", 0) == busy)  # noqa: B023
    world.completer.gate.set()
    world.spin_until(lambda: len(statuses) == len(completed))
    assert [world.stamp_of(status) for status in statuses] == [T0 + k * SECOND for k in completed]
    assert world.drops == {"busy": 5 - len(completed)}


def test_frames_are_completed_at_once_and_published_in_order(world: World) -> None:
    """Both lanes have begun before either goes on, and the first one takes longer."""
    grids, both = world.listen(SemanticVoxelGrid, "ssc_node/grid"), threading.Barrier(2)

    def load(settings: Settings) -> TinyCompleter:
        completer = world.load(settings)
        complete = completer.complete

        def together(frame: Frame, confidence: bool) -> SemanticGrid:
            both.wait(30)
            time.sleep(0.3 if frame.stamp == T0 else 0)
            return complete(frame)

        completer.complete = together
        return completer

    world.start(load, lidar__enabled=False, parallel_frames=2)
    world.connect_rig()
    for k in range(2):
        world.rig.images(T0 + k * SECOND)
    world.spin_until(lambda: len(grids) == 2)
    assert [world.stamp_of(grid) for grid in grids] == [T0, T0 + SECOND]
    assert world.drops == {}


def test_frames_that_read_those_before_are_completed_one_after_the_other(world: World) -> None:
    world.start(lambda settings: TinyCompleter(history=2), activate=False, parallel_frames=2)
    node = world.nodes[0][0]
    assert not node.start()


def test_confidence_is_found_where_somebody_sees_it(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    node = world.start(lidar__enabled=False)
    world.connect_rig()
    asked = []
    for k in range(3):
        world.rig.images(T0 + k * SECOND)
        world.spin_until(lambda: len(grids) > k)  # noqa: B023
        asked.append(world.completer.asked_for_confidence)
        if k == 0:
            world.listen(PointCloud2, "ssc_node/occupied")
            world.spin_until(lambda: node.count_subscribers("ssc_node/occupied"))
        if k == 1:
            world.client.destroy_subscription(list(world.client.subscriptions)[-1])
            world.spin_until(lambda: not node.count_subscribers("ssc_node/occupied"))
    assert asked == [False, True, False]
    node.set_parameters([rclpy.Parameter("grid.confidence", value=True)])
    world.rig.images(T0 + 3 * SECOND)
    world.spin_until(lambda: len(grids) > 3)
    assert world.completer.asked_for_confidence


def test_nothing_is_completed_for_nobody_unless_always_run(world: World) -> None:
    node = world.start(lidar__enabled=False)
    world.connect_rig()
    world.rig.images(T0)
    world.spin_until(lambda: node._parts.branches[0].skipped == 1)
    assert not world.completer.frames
    result = node.set_parameters([rclpy.Parameter("always_run", value=True)])
    assert result[0].successful
    world.rig.images(T0 + SECOND)
    world.spin_until(lambda: world.completer.frames)


def test_save_grid_writes_what_was_published(world: World, tmp_path: Path) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False)
    early = world.call(SaveGrid, "ssc_node/save_grid", SaveGrid.Request(directory=str(tmp_path)))
    assert not early.success
    world.connect_rig()
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    response = world.call(SaveGrid, "ssc_node/save_grid", SaveGrid.Request(directory=str(tmp_path / "new")))
    assert response.success
    assert sorted(response.files) == sorted(map(str, (tmp_path / "new").iterdir()))
    labels = decode(grids[0]).labels
    raw = np.fromfile(tmp_path / "new" / f"{T0}.label", "<u2").reshape(labels.shape)
    np.testing.assert_array_equal(raw, np.array(SEMANTIC_KITTI.raw_ids)[labels])
    with np.load(tmp_path / "new" / f"{T0}.npz") as everything:
        np.testing.assert_array_equal(everything["labels"], labels)
        assert everything["stamp"] == T0
    (tmp_path / "file").touch()
    refused = world.call(SaveGrid, "ssc_node/save_grid", SaveGrid.Request(directory=str(tmp_path / "file")))
    assert not refused.success
    assert str(tmp_path / "file") in refused.message


def test_reset_forgets_the_newest_grid(world: World, tmp_path: Path) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False)
    world.connect_rig()
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    assert world.call(Trigger, "ssc_node/reset").success
    assert not world.call(SaveGrid, "ssc_node/save_grid", SaveGrid.Request(directory=str(tmp_path))).success


def test_qos_of_outputs_can_be_overridden(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid", qos_profile_sensor_data)
    overrides = {"qos_overrides__/ssc_node/grid__publisher__reliability": "best_effort"}
    world.start(lidar__enabled=False, **overrides)
    world.connect_rig()
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    reliability = {}
    for topic in ("grid", "occupied", "status"):
        (endpoint,) = world.client.get_publishers_info_by_topic(f"/ssc_node/{topic}")
        reliability[topic] = endpoint.qos_profile.reliability.name
    assert reliability == {"grid": "BEST_EFFORT", "occupied": "RELIABLE", "status": "RELIABLE"}  # that one only
