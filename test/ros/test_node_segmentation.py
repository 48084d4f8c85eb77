"""Classes for points: published as the cloud is organised, at the sensor's rate, and used by the completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import rclpy.lifecycle
from sensor_msgs.msg import PointCloud2, PointField

from ssc_ros.core import LIDAR, SEMANTIC_KITTI, STEREO
from ssc_ros_msgs.msg import SemanticVoxelGrid, Status

from .rig import SECOND, T0, header
from .semantic_clouds import TOPIC, read
from .tiny_networks import TinySegmenter
from .world import World

TYPES = {"u1": 2, "u2": 4, "f4": 7, "f8": 8}
FIELDS = ["x", "y", "z", "intensity", "label", "rgb"]


def organised(
    stamp: int, values: Mapping[str, Sequence[float]], height: int, order: str = "<", padding: int = 0, **kinds: str
) -> PointCloud2:
    """A cloud of named columns, of the given types (float32 unless told), in rows with `padding` bytes behind each."""
    kind = np.dtype([(name, order + kinds.get(name, "f4")) for name in values])
    array = np.zeros(len(values["x"]), kind)
    for name, column in values.items():
        array[name] = column
    width = len(array) // height
    rows = np.pad(array.view(np.uint8).reshape(height, -1), ((0, 0), (0, padding)), constant_values=7)
    message = PointCloud2(header=header(stamp, "velodyne"), height=height, width=width)
    message.fields = [
        PointField(name=n, offset=kind.fields[n][1], datatype=TYPES[kinds.get(n, "f4")], count=1) for n in values
    ]
    message.point_step, message.row_step = kind.itemsize, rows.shape[1]
    message.is_bigendian = order == ">"
    message.data = rows.tobytes()
    return message


def test_points_come_back_labelled_in_their_own_order_and_organisation(world: World) -> None:
    received = world.listen(PointCloud2, TOPIC)
    world.start(segmenter=TinySegmenter())
    world.connect_rig(points=True)
    values = {
        "intensity": [0, 51, 255, 7, 8, 9],
        "z": [1, -1, np.nan, 2, -2, 3],
        "x": [1, 2, 3, np.inf, 5, 6],
        "y": [0, -1, 1, 1, 2, 0.1],
    }
    sent = organised(T0, values, height=2, order=">", padding=5, x="f8", y="f8", z="f8", intensity="u2")
    world.rig.publish("points", sent)
    world.spin_until(lambda: received)
    (message,) = received
    assert message.header == sent.header
    assert (message.height, message.width) == (2, 3)
    assert not message.is_dense
    assert [f.name for f in message.fields] == FIELDS
    points = read(message)
    for name in ("x", "y", "z", "intensity"):
        np.testing.assert_array_equal(points[name], np.float32(values[name]))
    road, building = world.road, world.building
    assert points["label"].tolist() == [building, road, 0, 0, road, building]
    colors = points["rgb"].view("<u4")
    for label in (road, building):
        r, g, b = SEMANTIC_KITTI.palette[label]
        assert set(colors[points["label"] == label]) == {r << 16 | g << 8 | b}
    (seen,) = world.segmenter.sweeps  # those that have a place, with intensity brought to 0..1
    np.testing.assert_allclose(seen[:, 0], [1, 2, 5, 6])
    np.testing.assert_allclose(seen[:, 3], np.array([0, 51, 8, 9]) / 65535)


def test_a_cloud_without_intensity_gets_zeros(world: World) -> None:
    received = world.listen(PointCloud2, TOPIC)
    world.start(segmenter=TinySegmenter())
    world.connect_rig(points=True)
    world.rig.points(T0, [(1.0, 2.0, 3.0), (1.0, 2.0, -3.0)])
    world.spin_until(lambda: received)
    assert received[0].is_dense
    assert read(received[0])["intensity"].tolist() == [0, 0]
    assert read(received[0])["label"].tolist() == [world.building, world.road]


def test_sweeps_are_labelled_while_the_completion_is_at_work(world: World) -> None:
    """Nothing waits: clouds come back while a frame is not done."""
    received = world.listen(PointCloud2, TOPIC)
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(segmenter=TinySegmenter(), lidar__grace_time=0.0)
    world.connect_rig(points=True)
    world.completer.gate.clear()
    try:
        world.rig.images(T0)
        world.spin_until(world.completer.begun.is_set)
        for i in range(1, 4):
            world.rig.points(T0 + i * SECOND)
            world.spin_until(lambda: len(received) == i)  # noqa: B023
        assert grids == []
    finally:
        world.completer.gate.set()
    assert [world.stamp_of(m) for m in received] == [T0 + i * SECOND for i in range(1, 4)]
    world.spin_until(lambda: grids)


def test_the_completion_does_not_wait_for_labels_that_it_does_not_read(world: World) -> None:
    segmenter = TinySegmenter()
    segmenter.gate.clear()
    world.listen(PointCloud2, TOPIC)
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(segmenter=segmenter)
    world.connect_rig(points=True)
    try:
        for i in range(3):
            world.rig.points(T0 + i * SECOND)
            world.rig.images(T0 + i * SECOND)
            world.spin_until(lambda: len(grids) == i + 1)  # noqa: B023
    finally:
        segmenter.gate.set()
    assert world.completer.frames[-1].points is not None
    assert world.completer.frames[-1].point_labels is None


@pytest.fixture
def fused(world: World) -> list[Status]:
    """A node whose completion reads the classes of points."""
    segmenter = TinySegmenter()
    world.listen(PointCloud2, TOPIC)
    statuses = world.listen(Status, "ssc_node/status")
    world.start(segmenter=segmenter, reads_classes=True)
    world.connect_rig(points=True)
    world.await_listener("/" + TOPIC)
    return statuses


def test_a_sweep_is_segmented_once_and_used_twice(world: World, fused: list[Status]) -> None:
    received = world.listen(PointCloud2, TOPIC)
    sweeps = [[(1.0 + i, 0.0, 0.2), (2.0, 1.0, -0.2)] for i in range(3)]
    for i, points in enumerate(sweeps):
        world.rig.points(T0 + i * SECOND, points)
        world.rig.images(T0 + i * SECOND)
        world.spin_until(lambda: len(fused) == i + 1 and len(received) == i + 1)  # noqa: B023
    assert len(world.segmenter.sweeps) == 3
    for frame, points in zip(world.completer.frames, sweeps, strict=True):
        np.testing.assert_allclose(frame.points[:, :3], points)
        assert frame.point_labels.tolist() == [world.building, world.road]
    assert [status.lidar_used for status in fused] == [True] * 3


def test_a_sweep_that_cannot_be_labelled_leaves_the_frame_to_stereo(world: World, fused: list[Status]) -> None:
    world.segmenter.fails = True
    world.rig.points(T0)
    world.rig.images(T0)
    world.spin_until(lambda: fused)
    assert not fused[0].lidar_used
    assert world.completer.frames[0].points is None
    assert world.drops == {"cloud_segmentation": 1}
    world.segmenter.fails = False
    world.rig.points(T0 + SECOND)
    world.rig.images(T0 + SECOND)
    world.spin_until(lambda: len(fused) == 2)
    assert fused[1].lidar_used


@pytest.mark.parametrize(
    ("enabled", "expected"),
    [
        (True, rclpy.lifecycle.TransitionCallbackReturn.FAILURE),
        (False, rclpy.lifecycle.TransitionCallbackReturn.SUCCESS),
    ],
)
def test_a_network_that_reads_classes_needs_somebody_who_gives_them(
    world: World, enabled: bool, expected: rclpy.lifecycle.TransitionCallbackReturn
) -> None:
    node = world.start(sensors=(STEREO, LIDAR), reads_classes=True, activate=False, lidar__enabled=enabled)
    assert node.trigger_configure() == expected
