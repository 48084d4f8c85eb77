"""Calibration, transforms and ego poses: what goes into a frame, against KITTI's own numbers and closed forms."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ssc_ros.assembly.odometry import PoseBuffer
from ssc_ros.assembly.transforms import Mount, Transforms
from ssc_ros.core import poses
from ssc_ros.messages.calibration import stereo_rig
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.ros.tf import NoTransformSource

# calib.txt of KITTI odometry sequence 00
P2 = [718.856, 0, 607.1928, 45.38225, 0, 718.856, 185.2157, -0.1130887, 0, 0, 1, 0.003779761]
P3 = [718.856, 0, 607.1928, -337.2877, 0, 718.856, 185.2157, 2.369057, 0, 0, 1, 0.004915215]
IDENTITY = np.eye(4)
MS, SECOND = 1_000_000, 1_000_000_000


def info(p, height=376, width=1241, **more):
    fields = {"roi": SimpleNamespace(width=0, height=0), "binning_x": 0, "binning_y": 0} | more
    return SimpleNamespace(p=np.array(p, float), height=height, width=width, **fields)


def test_the_rig_of_kitti_is_accepted_with_its_offsets():
    rig = stereo_rig(info(P2), info(P3), IDENTITY)
    assert rig.baseline == pytest.approx((45.38225 + 337.2877) / 718.856)
    assert rig.image_size == (376, 1241)
    # a point of the reference frame lands in the left image where P2 puts it
    point = np.array([1.0, 2.0, 20.0])
    u, v, w = np.array(P2).reshape(3, 4) @ [*point, 1]
    np.testing.assert_allclose(rig.project(point)[0], [u / w, v / w])


def changed(p, **entries):
    p = list(p)
    for index, value in entries.items():
        p[int(index[1:])] = value
    return p


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        (info([0.0] * 12), info(P3), "not calibrated"),
        (info(P2), info([0.0] * 12), "right"),
        (info([np.nan] * 12), info(P3), "no focal length"),
        (info(P2), info(P3, width=1242), "1242"),
        (info(P3), info(P2), "swapped"),
        (info(P2), info(P2), "knows each camera alone"),
        (info(P2), info(changed(P3, _3=-718.856 * 540.0)), "another unit"),  # millimetres
        (info(P2), info(changed(P3, _3=-718.856 * 54.0)), "another unit"),  # centimetres
        (info(P2), info(changed(P3, _3=P2[3] - 718.856 * 0.004)), "another unit"),
        (info(P2), info(changed(P3, _0=700.0)), "rectified pair"),
        (info(P2), info(changed(P3, _2=600.0)), "zero disparity"),
        (info(P2), info(changed(P3, _6=190.0)), "rectified pair"),
        (info(changed(P2, _1=3.0)), info(changed(P3, _1=3.0)), "rectified pair"),
        (info(P2), info(changed(P3, _7=-30.0)), "not along its rows"),
        (info(P2), info(P3, binning_x=2), "full images"),
        (info(P2, roi=SimpleNamespace(width=600, height=376)), info(P3), "full images"),
    ],
)
def test_calibrations_that_would_make_depth_wrong_are_refused(left, right, words):
    with pytest.raises(UnusableInput, match=words) as refused:
        stereo_rig(left, right, IDENTITY)
    assert refused.value.reason is Drop.CALIBRATION


class Source:
    """Knows one transform, and counts how often it is asked."""

    name = "test"

    def __init__(self):
        self.asked = 0

    def lookup(self, target, source):
        self.asked += 1
        if (target, source) != ("velodyne", "cam2"):
            raise LookupError("frame does not exist")
        return poses.from_quaternion(np.array([0, 0, 0, 1.0]), np.array([0.27, 0, -0.08]))


CAMERA = Mount("camera", Drop.FRAME_ID, Drop.EXTRINSICS, optical=True)
LIDAR = Mount("lidar", Drop.CLOUD_FRAME, Drop.CLOUD_FRAME)


def test_extrinsics_come_from_the_parameters_first():
    source = Source()
    mount = Mount("camera", Drop.FRAME_ID, Drop.EXTRINSICS, extrinsics=(1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 1.0))
    transform = Transforms("velodyne", source).of(mount, "anything")
    np.testing.assert_array_equal(transform[:3, 3], [1, 2, 3])
    assert source.asked == 0


def test_a_transform_is_asked_for_once():
    source = Source()
    transforms = Transforms("velodyne", source)
    for _ in range(3):
        np.testing.assert_array_equal(transforms.of(CAMERA, "cam2")[:3, 3], [0.27, 0, -0.08])
    assert source.asked == 1
    transforms.forget()
    transforms.of(CAMERA, "cam2")
    assert source.asked == 2


def test_a_cloud_in_the_grid_frame_needs_no_extrinsics():
    np.testing.assert_array_equal(Transforms("velodyne", NoTransformSource()).of(LIDAR, "velodyne"), IDENTITY)


@pytest.mark.parametrize("source", [Source(), NoTransformSource()])
def test_a_missing_transform_is_an_error_that_names_both_frames(source):
    with pytest.raises(UnusableInput, match=r"lidar frame 'os1' to grid frame 'velodyne'.*lidar\.extrinsics"):
        Transforms("velodyne", source).of(LIDAR, "os1")


def test_a_camera_cannot_be_in_the_grid_frame():
    with pytest.raises(UnusableInput, match="optical") as refused:
        Transforms("velodyne", NoTransformSource()).of(CAMERA, "velodyne")
    assert refused.value.reason is Drop.EXTRINSICS


def test_a_message_in_another_frame_than_configured_is_refused():
    mount = Mount("camera", Drop.FRAME_ID, Drop.EXTRINSICS, frame_id="cam2")
    with pytest.raises(UnusableInput, match=r"'cam0'.*'cam2'") as refused:
        Transforms("velodyne", Source()).of(mount, "cam0")
    assert refused.value.reason is Drop.FRAME_ID


vectors = st.tuples(*[st.floats(-3, 3)] * 3)


def turn_between(a, b):
    """Angle [rad] of the rotation from one pose to another."""
    return np.arccos(np.clip((np.trace(a[:3, :3].T @ b[:3, :3]) - 1) / 2, -1, 1))


@given(vectors, vectors, vectors, vectors, st.integers(0, 100))
def test_a_pose_between_two_lies_on_the_straight_and_shortest_way(r0, t0, r1, t1, percent):
    first, last = (Rotation.from_rotvec(0.5 * np.array(r)).as_quat() for r in (r0, r1))
    start, end = poses.from_quaternion(first, np.array(t0)), poses.from_quaternion(last, np.array(t1))
    buffer = PoseBuffer()
    buffer.add(0, start)
    buffer.add(100, end)
    found, share = buffer.at(percent, max_gap=100), percent / 100
    np.testing.assert_allclose(found[:3, 3], (1 - share) * np.array(t0) + share * np.array(t1), atol=1e-9)
    whole = turn_between(start, end)
    assert turn_between(start, found) == pytest.approx(share * whole, abs=1e-6)
    assert turn_between(found, end) == pytest.approx((1 - share) * whole, abs=1e-6)


def test_no_pose_is_made_up():
    buffer = PoseBuffer()
    assert buffer.at(0, 100) is None
    buffer.add(100, IDENTITY)
    buffer.add(200, IDENTITY)
    assert buffer.at(99, 100) is None
    assert buffer.at(201, 100) is None
    assert buffer.at(150, 99) is None
    assert buffer.at(150, 100) is not None
    assert buffer.at(200, 0) is not None


def test_poses_of_before_a_time_jump_are_forgotten():
    buffer = PoseBuffer()
    buffer.add(100, IDENTITY)
    buffer.add(200, IDENTITY)
    buffer.add(50, IDENTITY)
    assert buffer.at(150, 100) is None
    assert buffer.at(50, 100) is not None


def test_a_pose_is_awaited_only_while_it_may_come():
    buffer = PoseBuffer()
    assert buffer.awaits(0, 100)  # nobody knows yet whether there will be any
    buffer.add(100, IDENTITY)
    assert not buffer.awaits(100, 100)  # it is there
    assert buffer.awaits(101, 100)
    assert buffer.awaits(200, 100)
    assert not buffer.awaits(201, 100)  # it could not be bridged to
    assert buffer.awaits(50, 100)  # time jumped back: the poses follow
    buffer.add(50, IDENTITY)
    assert not buffer.awaits(50, 100)


def test_a_pose_that_comes_after_the_images_is_waited_for():
    buffer = PoseBuffer()
    for stamp in (1, 2):
        sender = threading.Timer(0.1, buffer.add, (stamp * SECOND, IDENTITY))
        sender.start()
        buffer.wait(stamp * SECOND, 30 * SECOND)
        assert buffer.at(stamp * SECOND, 0) is not None
        sender.join()


def test_nobody_waits_for_a_source_that_is_not_there():
    buffer = PoseBuffer()
    buffer.wait(0, MS)
    assert not buffer.awaits(SECOND, 100 * SECOND)  # the first wait was in vain
    buffer.add(2 * SECOND, IDENTITY)
    assert buffer.awaits(3 * SECOND, SECOND)
    buffer.wait(3 * SECOND, MS)
    assert not buffer.awaits(3 * SECOND + 1, SECOND)
    buffer.clear()
    assert buffer.awaits(4 * SECOND, SECOND)
