"""Height, pitch and roll of a camera above a made plane, and above real roads as the LiDAR saw them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ssc_ros.core import StereoRig, poses
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.inference.mount import Mount, combine_mounts, estimate_mount, mount_of
from ssc_ros.inference.stereo import StereoMatcher

SIZE = (180, 320)
RIG = StereoRig(np.array([[200.0, 0, 160], [0, 200.0, 90], [0, 0, 1]]), 0.3, SIZE, np.eye(4))
TILTS = st.floats(-0.1, 0.1)


def disparities(mount: Mount, rig: StereoRig = RIG) -> NDArray[np.float32]:
    """What a pair sees of an endless plane: each pixel's ray is cut with it; NaN for the sky."""
    T_ground_camera = mount.T_ground_camera()
    v, u = np.mgrid[: rig.image_size[0], : rig.image_size[1]]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(rig.camera_matrix).T
    falling = rays @ T_ground_camera[2, :3]  # height that a ray gains for each metre of depth
    with np.errstate(divide="ignore"):
        depth = np.where(falling < 0, -mount.height / falling, np.nan)
    return np.float32(rig.camera_matrix[0, 0] * rig.baseline / depth)


@given(st.floats(0.3, 2.5), TILTS, TILTS)
@settings(max_examples=20, deadline=None)
def test_the_mount_above_a_plane_is_found_through_noise_and_obstacles(height: float, pitch: float, roll: float) -> None:
    disparity = disparities(Mount(height, pitch, roll, 1.0))
    rng = np.random.default_rng(0)
    disparity += rng.normal(0, 0.3, disparity.shape).astype(np.float32)
    disparity[60:120, 200:300] = 6.0  # a wall
    disparity[rng.random(SIZE) < 0.3] = np.nan
    found = estimate_mount(disparity, RIG, rng)
    assert found is not None
    assert abs(found.height - height) < 0.03
    assert np.degrees(max(abs(found.pitch - pitch), abs(found.roll - roll))) < 0.3


@given(TILTS, TILTS, st.floats(0.2, 3.0), st.floats(-3, 3), st.floats(-2, 2))
def test_extrinsics_and_mounts_are_one_thing_said_twice(
    pitch: float, roll: float, height: float, yaw: float, ground: float
) -> None:
    turn = poses.from_quaternion(np.array([0, 0, np.sin(yaw / 2), np.cos(yaw / 2)]), np.array([3.0, -2.0, ground]))
    mount = mount_of(turn @ Mount(height, pitch, roll, 1.0).T_ground_camera(), ground)
    np.testing.assert_allclose((mount.height, mount.pitch, mount.roll), (height, pitch, roll), atol=1e-9)


def test_signs_are_those_of_the_docstring() -> None:
    """The optical axis of a camera that points down meets the ground; the right side of one that rolls right is low."""
    down = Mount(1.0, 0.1, 0.0, 1.0).T_ground_camera()
    assert down[2, 2] < 0 < down[0, 2]
    right = Mount(1.0, 0.0, 0.1, 1.0).T_ground_camera()
    assert right[2, 0] < 0


@pytest.mark.parametrize("scene", ["sky", "wall", "nothing"])
def test_without_ground_there_is_no_mount(scene: str) -> None:
    disparity = np.full(SIZE, {"sky": 0.01, "wall": 12.0, "nothing": np.nan}[scene], np.float32)
    assert estimate_mount(disparity, RIG, np.random.default_rng(0)) is None


def test_frames_are_combined_by_their_median() -> None:
    mounts = [Mount(height, 0.0, 0.0, 0.5) for height in (1.0, 1.1, 9.0)]
    combined = combine_mounts(mounts)
    assert combined is not None
    assert (combined.height, combined.frames) == (1.1, 3)
    assert combined.spread[0] == pytest.approx(0.1)
    assert combine_mounts([]) is None


ROAD, LANE_MARKING = 40, 60
"""SemanticKITTI's raw ids."""


def lidar_plane(sequence: KittiSequence, frame_id: str) -> Mount:
    """The plane through the LiDAR points of the road within 20 m, as the camera sees it: an independent measurement."""
    frame = sequence.frame(frame_id)
    assert frame.points is not None
    points, label = frame.points[:, :3], sequence.point_labels(frame_id) & 0xFFFF
    road = points[np.isin(label, (ROAD, LANE_MARKING)) & (np.hypot(*points[:, :2].T) < 20) & (points[:, 0] > 3)]
    along = np.linalg.lstsq(np.c_[road[:, :2], np.ones(len(road))], road[:, 2], rcond=None)[0]
    up = np.array([-along[0], -along[1], 1]) / np.hypot(1, np.hypot(*along[:2]))
    camera = frame.rig.T_grid_camera
    height = float(up @ (camera[:3, 3] - [0, 0, along[2]]))
    in_camera = camera[:3, :3].T @ up
    return Mount(height, float(np.arcsin(-in_camera[2])), float(np.arctan2(-in_camera[0], -in_camera[1])), 1.0)


@pytest.mark.parametrize("name", ["00", "01", "03", "08"])
def test_on_real_roads_stereo_and_lidar_agree(kitti_root: Path, name: str) -> None:
    sequence, rng = KittiSequence.open(kitti_root / "sequences" / name), np.random.default_rng(0)
    matcher, found = StereoMatcher(scale=0.5), []
    for frame_id in sequence.frame_ids[:10]:
        frame = sequence.frame(frame_id, with_points=False)
        mount = estimate_mount(matcher.disparity(frame.left, frame.right), frame.rig, rng)
        found += [mount] if mount else []
    measured = combine_mounts([lidar_plane(sequence, frame_id) for frame_id in sequence.frame_ids[:10]])
    estimated = combine_mounts(found)
    assert estimated is not None
    assert measured is not None
    assert estimated.frames >= 8
    assert abs(estimated.height - measured.height) < 0.07
    assert np.degrees(abs(estimated.pitch - measured.pitch)) < 0.5
    assert np.degrees(abs(estimated.roll - measured.roll)) < 0.5
