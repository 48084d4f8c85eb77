"""A sequence of another rig than KITTI's: its files agree with each other and with KITTI's of the same place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI, SEMANTIC_KITTI_GRID, SscError, poses
from ssc_ros.data import voxel_files
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.data.voxelize import keep_points, voxelize
from ssc_ros.inference.mount import mount_of
from ssc_ros.simulation.rig_spec import CameraSpec, LidarSpec, RigSpec
from ssc_ros.simulation.sequence import SequenceJob
from ssc_ros.simulation.simulate import simulate

TILTED = RigSpec(
    CameraSpec(640, 400, 440.0, 0.2, 1.1, pitch=3.0, roll=-2.5, forward=0.4, left=0.1, mono=True),
    LidarSpec(16, 15.0, -15.0, 1800, mount_height=1.4, forward=-0.1),
)
FRAMES = ("000000", "000001", "000002")
ROAD = 40
"""SemanticKITTI's raw id."""


@pytest.fixture(scope="module")
def job(synth_job: SequenceJob, tmp_path_factory: pytest.TempPathFactory) -> SequenceJob:
    """The place of `synth_job` under the tilted rig."""
    job = replace(synth_job, root=tmp_path_factory.mktemp("tilted"), rig_spec=TILTED)
    for _ in simulate([job], processes=1):
        pass
    return job


@pytest.fixture(scope="module")
def sequence(job: SequenceJob) -> KittiSequence:
    return KittiSequence.open(job.path)


def test_the_loader_of_real_data_reads_the_rig(sequence: KittiSequence) -> None:
    assert sequence.frame_ids == FRAMES
    assert sequence.rig.image_size == (400, 640)
    assert sequence.rig.baseline == pytest.approx(0.2)
    mount = mount_of(sequence.rig.T_grid_camera, -1.73)
    assert (mount.height, *np.degrees([mount.pitch, mount.roll])) == pytest.approx((1.1, 3.0, -2.5), abs=1e-6)
    assert not sequence.voxels_are_shifted


def test_grey_images_have_one_channel_and_are_read_as_three(sequence: KittiSequence) -> None:
    assert cv2.imread(str(sequence.path / "image_3" / "000000.png"), cv2.IMREAD_UNCHANGED).shape == (400, 640)
    left = sequence.frame("000000").left
    assert left.shape == (400, 640, 3)
    assert (left == left[..., :1]).all()
    assert left.std() > 20


def test_poses_are_those_of_the_same_journey(sequence: KittiSequence, synth_job: SequenceJob) -> None:
    """They are of the grid frame, so they do not depend on where a camera hangs."""
    other = KittiSequence.open(synth_job.path)
    assert sequence.T_world_lidar is not None
    assert sequence.T_world_lidar == pytest.approx(other.T_world_lidar, abs=1e-6)


def test_points_are_in_the_grid_frame_and_were_measured_by_the_rigs_lidar(sequence: KittiSequence) -> None:
    points, labels = sequence.points("000000"), sequence.point_labels("000000")
    assert len(points) == len(labels) < 16 * 1800
    near = (labels == ROAD) & (np.linalg.norm(points[:, :2], axis=1) < 8)
    assert np.median(points[near, 2]) == pytest.approx(-1.73, abs=0.06)
    beams = points[:, :3] - (-0.1, 0.0, 1.4 - 1.73)
    elevation = np.degrees(np.arcsin(beams[:, 2] / np.linalg.norm(beams, axis=1)))
    assert np.abs(elevation - np.rint((elevation - 15) / 2) * 2 - 15).max() < 0.01
    assert elevation.max() - elevation.min() == pytest.approx(30, abs=2.1)


def test_projected_points_have_the_class_of_their_pixel(sequence: KittiSequence) -> None:
    for frame_id in FRAMES:
        frame = sequence.frame(frame_id)
        assert frame.points is not None
        seen = frame.rig.in_view(frame.points[:, :3])
        u, v = np.rint(frame.rig.project(frame.points[seen, :3])[0]).astype(int).T
        semantic = cv2.imread(str(sequence.path / "semantic_2" / f"{frame_id}.png"), cv2.IMREAD_UNCHANGED)
        labels = SEMANTIC_KITTI.train_from_raw_voxels(sequence.point_labels(frame_id)[seen])
        assert len(labels) > 1000
        # the LiDAR is above and behind the camera, so some points are hidden from it
        assert (semantic[v, u] == labels).mean() > 0.88


def test_disparities_at_projected_points_are_focal_length_times_baseline_by_depth(sequence: KittiSequence) -> None:
    matcher = cv2.StereoSGBM_create(0, 128, 5, 8 * 25, 32 * 25, 1, 0, 10, 100, 2, cv2.STEREO_SGBM_MODE_SGBM_3WAY)
    frame = sequence.frame("000000")
    assert frame.points is not None
    disparity = matcher.compute(frame.left[..., 0], frame.right[..., 0]).astype(np.float32) / 16
    seen = frame.rig.in_view(frame.points[:, :3])
    pixels, depth = frame.rig.project(frame.points[seen, :3])
    u, v = np.rint(pixels).astype(int).T
    matched = disparity[v, u] > 0
    error = (disparity[v, u] - 440.0 * 0.2 / depth)[matched]
    assert matched.mean() > 0.5
    assert np.median(np.abs(error)) < 1.0
    assert abs(np.median(error)) < 0.6


@pytest.mark.parametrize("frame_id", ["000000", "000002"])
def test_bin_is_the_rigs_sweep_and_part_of_the_ground_truth(sequence: KittiSequence, frame_id: str) -> None:
    points, grid = sequence.points(frame_id), SEMANTIC_KITTI_GRID
    kept = keep_points(points)
    expected = voxelize(points[kept], sequence.point_labels(frame_id)[kept], grid) != 0
    files = sequence.path / "voxels" / frame_id
    assert (voxel_files.read_bits(files.with_suffix(".bin"), grid.shape) == expected).all()
    labels = voxel_files.read_labels(files.with_suffix(".label"), grid.shape)
    assert (labels[expected] != 0).all()
    assert voxel_files.read_bits(files.with_suffix(".occluded"), grid.shape)[labels != 0].all()


@pytest.mark.parametrize("frame_id", ["000000", "000002"])
def test_the_ground_truth_is_as_dense_as_kittis(sequence: KittiSequence, synth_job: SequenceJob, frame_id: str) -> None:
    """It is surveyed by KITTI's LiDAR, so that only noise and lost returns tell it from that of KITTI's rig."""
    ours, kittis = sequence.target(frame_id), KittiSequence.open(synth_job.path).target(frame_id)
    occupied, theirs = ((volume > 0) & (volume < 255) for volume in (ours, kittis))
    assert occupied.sum() == pytest.approx(theirs.sum(), rel=0.1)
    both = occupied & theirs
    assert both.sum() / (occupied | theirs).sum() > 0.75
    assert (ours == kittis)[both].mean() > 0.98
    # beams that look up see more air than KITTI's do
    assert 0 < (kittis == 255).mean() - (ours == 255).mean() < 0.08


def contents(job: SequenceJob) -> dict[Path, bytes]:
    return {p.relative_to(job.root): p.read_bytes() for p in sorted(job.root.rglob("*")) if p.is_file()}


def test_an_interrupted_run_ends_in_the_same_bytes(job: SequenceJob, tmp_path: Path) -> None:
    again = replace(job, root=tmp_path)
    run = simulate([again], processes=1)
    next(run)
    run.close()
    for _ in simulate([again], processes=1):
        pass
    assert contents(again) == contents(job)


def test_a_finished_run_is_left_as_it_is(job: SequenceJob) -> None:
    before = contents(job)
    assert list(simulate([job], processes=1))[-1] == (3 + 2, 3 + 2)
    assert contents(job) == before


@pytest.mark.parametrize("other", [None, replace(TILTED, lidar=None)])
def test_a_folder_of_another_rig_is_not_mixed(job: SequenceJob, other: RigSpec | None) -> None:
    with pytest.raises(SscError, match=r"another sequence \(\{'rig': .*remove the folder"):
        next(simulate([replace(job, rig_spec=other)], processes=1))


def test_a_folder_of_kittis_rig_is_not_mixed(synth_job: SequenceJob) -> None:
    with pytest.raises(SscError, match=r"another sequence \(\{'rig': None\}\)"):
        next(simulate([replace(synth_job, rig_spec=TILTED)], processes=1))


def test_frames_are_moved_by_the_poses(sequence: KittiSequence) -> None:
    """Road points of one sweep lie on the road of the next, in the world."""
    assert sequence.T_world_lidar is not None
    heights = []
    for i, frame_id in enumerate(FRAMES):
        points, labels = sequence.points(frame_id), sequence.point_labels(frame_id)
        road = points[(labels == ROAD) & (np.linalg.norm(points[:, :2], axis=1) < 12), :3]
        heights.append(np.median(poses.apply(sequence.T_world_lidar[i], road)[:, 2]))
    assert np.ptp(heights) < 0.08
