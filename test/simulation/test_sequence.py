"""A simulated sequence is a SemanticKITTI sequence whose parts agree with each other."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.core import SEMANTIC_KITTI, SEMANTIC_KITTI_GRID, poses
from ssc_ros.data import voxel_files
from ssc_ros.data.semantic_kitti import KittiSequence, SemanticKitti
from ssc_ros.data.voxelize import keep_points, voxelize
from ssc_ros.simulation.sequence import SequenceJob


@pytest.fixture(scope="module")
def sequence(synth_job: SequenceJob) -> KittiSequence:
    return SemanticKitti(synth_job.root, ["08"]).sequences[0]


def volume(sequence: KittiSequence, frame_id: str, suffix: str) -> NDArray[Any]:
    path = sequence.path / "voxels" / f"{frame_id}{suffix}"
    return (
        voxel_files.read_labels(path, sequence.grid.shape)
        if suffix == ".label"
        else voxel_files.read_bits(path, sequence.grid.shape)
    )


def test_the_loader_of_real_data_reads_it(sequence: KittiSequence) -> None:
    assert sequence.frame_ids == ("000000", "000001", "000002")
    assert sequence.voxel_ids == ("000000", "000002")
    assert sequence.rig.image_size == (370, 1226)
    assert sequence.rig.baseline == pytest.approx(0.5379, abs=1e-4)
    assert not sequence.voxels_are_shifted
    frame = sequence.frame("000001")
    assert frame.stamp == pytest.approx(0.1037e9)
    assert len(sequence.point_labels("000001")) == len(frame.points)


def test_the_vehicle_drives_at_street_speed(sequence: KittiSequence) -> None:
    steps = np.linalg.norm(np.diff(sequence.T_world_lidar[:, :3, 3], axis=0), axis=1)
    assert (steps > 0.3).all()
    assert (steps < 1.4).all()
    assert all(poses.is_rigid(pose, 1e-6) for pose in sequence.T_world_lidar)


def test_a_sweep_has_the_beams_of_the_sensor(sequence: KittiSequence) -> None:
    points = sequence.points("000000")
    distance = np.linalg.norm(points[:, :3], axis=1)
    elevation = np.degrees(np.arcsin(points[:, 2] / distance))
    assert 90_000 < len(points) < 131_072
    assert distance.max() <= 80.0
    assert -24.9 < elevation.min() < -24.0
    assert 1.5 < elevation.max() < 2.1
    assert 0 <= points[:, 3].min() <= points[:, 3].max() < 1


def test_the_lidar_is_above_the_road(sequence: KittiSequence) -> None:
    points, labels = sequence.points("000000"), sequence.point_labels("000000")
    beside = (labels == 40) & (np.linalg.norm(points[:, :2], axis=1) < 6)
    assert beside.sum() > 500
    assert np.median(points[beside, 2]) == pytest.approx(-1.73, abs=0.06)


def test_still_points_of_two_sweeps_meet_in_the_world(sequence: KittiSequence) -> None:
    """Poses, sweeps and time agree: the nearest wall or road point of the next sweep is centimetres away."""
    first, second = (sequence.points(i)[:, :3] for i in ("000000", "000001"))
    flat = sequence.point_labels("000000") == 40
    near = flat & (np.linalg.norm(first, axis=1) < 12)
    T = poses.inverse(sequence.T_world_lidar[0]) @ sequence.T_world_lidar[1]
    moved = poses.apply(T, second)
    road = moved[(sequence.point_labels("000001") == 40) & (np.linalg.norm(second, axis=1) < 14)]
    height = []
    for point in first[near][::50]:
        distance = np.linalg.norm(road[:, :2] - point[:2], axis=1)
        height.append(abs(road[distance.argmin(), 2] - point[2]))
    assert len(height) > 20
    assert np.median(height) < 0.03


@pytest.mark.parametrize("frame_id", ["000000", "000002"])
def test_stereo_matching_measures_the_depth_of_the_lidar(sequence: KittiSequence, frame_id: str) -> None:
    """Median error below one pixel, as on real frames (0.33 to 0.61 px)."""
    frame = sequence.frame(frame_id)
    matcher = cv2.StereoSGBM_create(0, 128, 5, 8 * 25, 32 * 25, 1, 0, 10, 100, 2, cv2.STEREO_SGBM_MODE_SGBM_3WAY)
    gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (frame.left, frame.right)]
    disparity = matcher.compute(*gray).astype(np.float32) / 16
    seen = frame.rig.in_view(frame.points[:, :3])
    pixels, depth = frame.rig.project(frame.points[seen, :3])
    u, v = np.rint(pixels).astype(int).T
    error = disparity[v, u] - frame.rig.camera_matrix[0, 0] * frame.rig.baseline / depth
    matched = disparity[v, u] > 0
    assert matched.mean() > 0.6
    assert np.median(np.abs(error[matched])) < 1.0
    assert abs(np.median(error[matched])) < 0.6


def test_the_semantic_map_agrees_with_projected_points(sequence: KittiSequence) -> None:
    frame = sequence.frame("000000")
    seen = frame.rig.in_view(frame.points[:, :3])
    u, v = np.rint(frame.rig.project(frame.points[seen, :3])[0]).astype(int).T
    semantic = cv2.imread(str(sequence.path / "semantic_2" / "000000.png"), cv2.IMREAD_UNCHANGED)
    labels = SEMANTIC_KITTI.train_from_raw_voxels(sequence.point_labels("000000")[seen])
    # the LiDAR sits above the camera, so some points are hidden from it
    assert (semantic[v, u] == labels).mean() > 0.9
    assert len(np.unique(semantic)) > 6


@pytest.mark.parametrize("frame_id", ["000000", "000002"])
def test_bin_is_the_voxelised_sweep(sequence: KittiSequence, frame_id: str) -> None:
    points, labels = sequence.points(frame_id), sequence.point_labels(frame_id)
    kept = keep_points(points)
    expected = voxelize(points[kept], labels[kept], SEMANTIC_KITTI_GRID) != 0
    assert expected.any()
    assert (volume(sequence, frame_id, ".bin") == expected).all()


@pytest.mark.parametrize("frame_id", ["000000", "000002"])
def test_the_ground_truth_contains_the_sweep(sequence: KittiSequence, frame_id: str) -> None:
    measured, labels = volume(sequence, frame_id, ".bin"), volume(sequence, frame_id, ".label")
    assert (labels[measured] != 0).all()
    assert (labels != 0).sum() > measured.sum()
    assert not volume(sequence, frame_id, ".invalid")[labels != 0].any()
    assert volume(sequence, frame_id, ".occluded")[labels != 0].all()
    target = sequence.target(frame_id)
    assert {0, 9, 255} <= set(np.unique(target).tolist())
