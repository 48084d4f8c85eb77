"""Frames of bags that are less tidy than KITTI's: offsets, gaps, late sweeps, other frames, damaged calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ssc_ros.assembly.bag_frames import BagFrames, BagTruth
from ssc_ros.assembly.lidar_use import LidarUse
from ssc_ros.assembly.settings import LidarSettings, OdometrySettings, Settings
from ssc_ros.core import SEMANTIC_KITTI, SceneGrid, SemanticGrid, SscError, StereoRig, poses
from ssc_ros.messages.bag_reader import open_bag_reader
from ssc_ros.messages.bag_writer import open_bag
from ssc_ros.messages.drops import Drop
from ssc_ros.messages.encoder import MessageEncoder, Record
from ssc_ros.messages.grid_cdr import grid_encoder
from ssc_ros.messages.topics import LEFT_CAMERA_FRAME, TOPICS
from ssc_ros.messages.typestore import load_typestore

MS = 1_000_000

SECOND = 1000 * MS

OPTICAL = poses.from_quaternion(np.array([-0.5, 0.5, -0.5, 0.5]), np.array([0.3, 0.05, -0.1]))

RIG = StereoRig(np.array([[70.0, 0, 60], [0, 70, 18], [0, 0, 1]]), 0.54, (8, 12), OPTICAL)

ENCODER = MessageEncoder(load_typestore())

IMAGE = np.zeros((8, 12, 3), np.uint8)

SWEEP = np.array([[10, 1, -1, 0.5], [20, -2, 0, 0.25]], np.float32)


def pair(left: int, right: int | None = None) -> list[Record]:
    """A stereo pair with its calibration, at stamps [ns]."""
    right = left if right is None else right
    infos = ENCODER.camera_infos(left, RIG)
    return [
        Record(left, TOPICS.left_info, *infos[0]),
        Record(left, TOPICS.right_info, *infos[1]),
        Record(left, TOPICS.left_image, *ENCODER.image(left, IMAGE)),
        Record(right, TOPICS.right_image, *ENCODER.image(right, IMAGE)),
    ]


def sweep(stamp: int, frame_id: str = "velodyne", recorded: int | None = None) -> Record:
    return Record(stamp if recorded is None else recorded, TOPICS.points, *ENCODER.point_cloud(stamp, SWEEP, frame_id))


def static(parent: str = "velodyne", **children: NDArray[np.float64]) -> Record:
    return Record(0, TOPICS.tf_static, *ENCODER.transforms(0, parent, children or {LEFT_CAMERA_FRAME: OPTICAL}))


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_bag(*records: Record) -> Path:
        with open_bag(tmp_path / "bag", ENCODER.store, replace=True) as bag:
            for record in sorted(records, key=lambda r: r.stamp):
                bag.write(record)
        return tmp_path / "bag"

    return write_bag


def test_pairs_within_the_slop_inclusive(write: Write) -> None:
    path = write(static(), *pair(1 * SECOND, 1 * SECOND + 10 * MS), *pair(2 * SECOND, 2 * SECOND + 10 * MS + 1))
    with open_bag_reader(path) as bag:
        frames = BagFrames(bag, "velodyne")
        assert [frame.stamp for frame in frames.frames()] == [1 * SECOND]
        assert frames.drops.counts().get(Drop.UNPAIRED, 0) >= 1


def test_a_sweep_that_was_recorded_late_is_waited_for_as_long_as_the_node_waits(write: Write) -> None:
    path = write(
        static(),
        *pair(1 * SECOND),
        sweep(1 * SECOND, recorded=1 * SECOND + 40 * MS),
        *pair(2 * SECOND),
        sweep(2 * SECOND, recorded=2 * SECOND + 60 * MS),
        *pair(3 * SECOND),
    )
    with open_bag_reader(path) as bag:
        frames = BagFrames(bag, "velodyne", Settings(lidar=LidarSettings(grace_time=0.05)))
        used = {frame.stamp // SECOND: frame.points is not None for frame in frames.frames()}
    assert used == {1: True, 2: False, 3: False}
    assert frames.drops.counts()[Drop.CLOUD_LATE] == 2


def test_a_network_that_reads_lidar_gets_the_pairs_with_a_usable_sweep(write: Write) -> None:
    path = write(
        static(roof=np.eye(4), **{LEFT_CAMERA_FRAME: OPTICAL}),
        *pair(1 * SECOND),
        sweep(1 * SECOND, "roof", recorded=1 * SECOND + 40 * MS),
        *pair(2 * SECOND),
        *pair(3 * SECOND),
        sweep(3 * SECOND, "moon"),
        *pair(4 * SECOND),
        sweep(4 * SECOND, "roof"),
    )
    with open_bag_reader(path) as bag:
        frames = BagFrames(bag, "velodyne", lidar=LidarUse.REQUIRED)
        found = list(frames.frames())
    assert [frame.stamp // SECOND for frame in found] == [1, 4]
    assert all(frame.points is not None for frame in found)
    assert frames.drops.counts() == {Drop.NO_CLOUD: 2, Drop.BAD_CLOUD: 1}


def test_a_network_that_reads_lidar_needs_it_in_the_bag_and_one_that_does_not_leaves_it_there(write: Write) -> None:
    with (
        open_bag_reader(write(static(), *pair(SECOND))) as bag,
        pytest.raises(SscError, match=r"no messages on /points; its topics are"),
    ):
        BagFrames(bag, "velodyne", lidar=LidarUse.REQUIRED)
    with open_bag_reader(write(static(), sweep(SECOND), *pair(SECOND))) as bag:
        (frame,) = BagFrames(bag, "velodyne", lidar=LidarUse.UNUSED).frames()
    assert frame.points is None


def test_points_and_pose_come_in_the_frame_of_the_grid(write: Write) -> None:
    T_grid_lidar = poses.from_quaternion(np.array([0, 0, np.sin(0.2), np.cos(0.2)]), np.array([1.0, 2.0, 0.5]))
    T_odom_base = poses.from_quaternion(np.array([0, 0, 1.0, 0]), np.array([7.0, 8.0, 9.0]))
    T_grid_base = poses.from_quaternion(np.array([0, 0, 0, 1.0]), np.array([-1.0, 0, -1.7]))
    odometry = Record(SECOND, TOPICS.odometry, *ENCODER.odometry(SECOND, T_odom_base, "base_link"))
    tree = static("grid", roof=T_grid_lidar, base_link=T_grid_base, **{LEFT_CAMERA_FRAME: OPTICAL})
    with open_bag_reader(write(tree, odometry, sweep(SECOND, "roof"), *pair(SECOND))) as bag:
        (frame,) = BagFrames(bag, "grid", warn=pytest.fail).frames()
    assert frame.points is not None
    np.testing.assert_allclose(frame.points[:, :3], poses.apply(T_grid_lidar, SWEEP[:, :3]), atol=1e-5)
    np.testing.assert_allclose(frame.T_world_grid, T_odom_base @ poses.inverse(T_grid_base), atol=1e-9)


def test_a_missing_transform_leaves_the_frame_out_and_says_which(write: Write) -> None:
    said: list[str] = []
    with open_bag_reader(write(static(roof=np.eye(4)), *pair(SECOND), *pair(2 * SECOND))) as bag:
        frames = BagFrames(bag, "velodyne", warn=said.append)
        assert list(frames.frames()) == []
    assert frames.drops.counts() == {Drop.EXTRINSICS: 2}
    assert len(said) == 1
    assert f"'{LEFT_CAMERA_FRAME}'" in said[0]
    assert "its frames are roof, velodyne" in said[0]


def test_missing_topics_are_named_beside_those_there_are(write: Write) -> None:
    with (
        open_bag_reader(write(static(), *pair(SECOND)[:3])) as bag,
        pytest.raises(SscError, match=r"no messages on /right/image_rect; its topics are .*/left/image_rect \("),
    ):
        BagFrames(bag, "velodyne")


def test_only_wanted_frames_are_assembled(write: Write) -> None:
    with open_bag_reader(write(static(), *pair(SECOND), *pair(2 * SECOND), *pair(3 * SECOND))) as bag:
        frames = BagFrames(bag, "velodyne")
        assert [frame.stamp for frame in frames.frames(lambda stamp: stamp == 2 * SECOND)] == [2 * SECOND]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(times=st.lists(st.tuples(st.integers(0, 400), st.integers(-15, 15)), max_size=12, unique_by=lambda t: t[0]))
def test_exactly_the_close_pairs_make_frames_and_a_second_pass_makes_the_same(
    write: Write, times: list[tuple[int, int]]
) -> None:
    records = [r for at, offset in times for r in pair((1000 + 50 * at) * MS, (1000 + 50 * at + offset) * MS)]
    with open_bag_reader(write(static(), *pair(100 * MS), *records)) as bag:
        frames = BagFrames(bag, "velodyne", warn=lambda text: None)
        first, drops = [frame.stamp for frame in frames.frames()], frames.drops.counts()
        assert [frame.stamp for frame in frames.frames()] == first
        assert frames.drops.counts() == drops
    close = {(1000 + 50 * at) * MS for at, offset in times if abs(offset) <= 10}
    assert first == [100 * MS, *sorted(close)]


def odometry(stamp: int, recorded: int) -> Record:
    return Record(recorded, TOPICS.odometry, *ENCODER.odometry(stamp, np.eye(4), "velodyne"))


def test_a_pose_that_was_recorded_after_the_images_is_found(write: Write) -> None:
    """And the order of the frames stays. After a gap nobody knows that poses come again, until one has come."""
    stamps = [SECOND + i * 100 * MS for i in range(8)]
    poses_of = [odometry(t, recorded=t + 30 * MS) for t in stamps if t not in stamps[4:6]]
    path = write(static(), *(record for t in stamps for record in pair(t)), *poses_of)
    with open_bag_reader(path) as bag:
        frames = list(BagFrames(bag, "velodyne", Settings(odometry=OdometrySettings(max_gap=0.15))).frames())
    assert [frame.stamp for frame in frames] == stamps
    assert [frame.T_world_grid is not None for frame in frames] == [True] * 4 + [False] * 3 + [True]


def test_a_transform_that_is_none_is_named_with_bag_topic_and_frames(write: Write) -> None:
    broken = OPTICAL.copy()
    broken[0, 3] = np.nan
    with (
        open_bag_reader(write(static(**{LEFT_CAMERA_FRAME: broken}), *pair(SECOND))) as bag,
        pytest.raises(SscError, match=rf"/tf_static cannot be used: the transform of '{LEFT_CAMERA_FRAME}' in"),
    ):
        BagFrames(bag, "velodyne")


def test_a_grid_that_is_none_is_named_with_bag_topic_and_time(write: Write) -> None:
    scene = SceneGrid((0.0, 0.0, 0.0), 0.5, (4, 4, 4))
    grids = []
    for second, name in ((1, "semantic_kitti"), (2, "of another version")):
        labels = replace(SEMANTIC_KITTI, name=name)
        grid = SemanticGrid(np.zeros(scene.shape, np.uint8), scene, labels, second * SECOND)
        grids.append(Record(second * SECOND, TOPICS.ground_truth, *grid_encoder(ENCODER)(grid)))
    with open_bag_reader(write(*grids)) as bag:
        truth = BagTruth(bag)
        with pytest.raises(SscError, match=rf"{bag.path}: the grid of 2\.000 s on /ground_truth/grid cannot be used"):
            truth[2 * SECOND]


def test_a_pose_that_is_nowhere_is_left_out_and_named_with_its_bag(write: Write) -> None:
    far = np.eye(4)
    far[0, 3] = 1e300
    told: list[str] = []
    pose = Record(SECOND, TOPICS.odometry, *ENCODER.odometry(SECOND, far, "velodyne"))
    with open_bag_reader(write(static(), pose, *pair(SECOND))) as bag:
        (frame,) = BagFrames(bag, "velodyne", warn=told.append).frames()
    assert frame.T_world_grid is None
    assert any(str(bag.path) in text and "odometry cannot be used" in text for text in told)
