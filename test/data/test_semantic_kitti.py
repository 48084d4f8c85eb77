"""SemanticKITTI's layout: what is read, what is missing, which poses and labels."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI, SscError, poses
from ssc_ros.data import semantic_kitti
from ssc_ros.data.kitti_text import read_calibration
from ssc_ros.data.semantic_kitti import KittiSequence, SemanticKitti
from ssc_ros.data.voxel_files import read_bits, read_labels
from ssc_ros.data.voxelize import keep_points, voxelize

from .kitti_tree import write_sequence


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_sequence(tmp_path / "sequences" / "00")
    write_sequence(tmp_path / "sequences" / "08", seed=1)
    return tmp_path


def test_splits_are_the_published_ones(label_maps: Path) -> None:
    yaml = pytest.importorskip("yaml")
    split = yaml.safe_load((label_maps / "semantic-kitti.yaml").read_text())["split"]
    ours = {"train": semantic_kitti.TRAIN, "valid": semantic_kitti.VALIDATION, "test": semantic_kitti.TEST}
    assert {name: [int(sequence) for sequence in sequences] for name, sequences in ours.items()} == split


def test_a_frame_has_stamp_images_points_and_pose(root: Path) -> None:
    sequence = SemanticKitti(root, ["00", "08"]).sequences[0]
    assert sequence.name == "00"
    assert sequence.frame_ids == tuple(f"{i:06d}" for i in range(6))
    assert sequence.voxel_ids == ("000000", "000005")
    frame = sequence.frame("000003")
    assert frame.stamp == 300_000_000
    assert frame.points is not None
    assert frame.points.shape == (4000, 4)
    # one metre a frame along the camera's optical axis, which is the LiDAR's x
    np.testing.assert_allclose(frame.T_world_grid, poses.from_rows([1, 0, 0, 3, 0, 1, 0, 0, 0, 0, 1, 0]), atol=1e-12)
    assert sequence.frame("000003", with_points=False).points is None
    with pytest.raises(SscError, match=r"no frame 000077, only 000000 \.\. 000005"):
        sequence.frame("000077")


def test_points_project_as_p2_tr_says(root: Path) -> None:
    sequence = KittiSequence.open(root / "sequences" / "00")
    calibration = read_calibration(sequence.path / "calib.txt")
    points = sequence.points("000000")[:, :3].astype(np.float64)
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    projected = homogeneous @ (calibration["P2"] @ poses.from_rows(calibration["Tr"])).T
    # the fourth column's third entry (3 mm) makes w of P2 differ from the depth by that much, on both sides alike
    pixels, depth = sequence.rig.project(points)
    np.testing.assert_allclose(depth, projected[:, 2], rtol=1e-9)
    ahead = depth > 0
    np.testing.assert_allclose(pixels[ahead], (projected[:, :2] / projected[:, 2:])[ahead], atol=1e-6)


def test_targets_hold_train_ids_with_unknown_where_invalid(root: Path) -> None:
    sequence = KittiSequence.open(root / "sequences" / "00")
    target = sequence.target("000005")
    raw = read_labels(sequence.path / "voxels" / "000005.label", target.shape)
    assert (target[:, :64] == 255).all()
    car = np.isin(raw[:, 64:], (10, 252))
    assert car.sum() > 100
    np.testing.assert_array_equal(target[:, 64:] == 1, car)
    np.testing.assert_array_equal(target[:, 64:] == 0, raw[:, 64:] == 0)


def test_the_shift_of_the_first_release_is_seen_undone_and_reported(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = root / "sequences" / "00"
    expected = KittiSequence.open(path).target("000005")
    for frame_id in ("000000", "000005"):
        for suffix in (".label", ".invalid", ".bin"):
            file = path / "voxels" / (frame_id + suffix)
            content = np.fromfile(file, np.uint16 if suffix == ".label" else np.uint8)
            flat = content if suffix == ".label" else np.unpackbits(content)
            late = np.concatenate([flat[:1] * 0, flat[:-1]])
            (late if suffix == ".label" else np.packbits(late)).tofile(file)
    sequence = KittiSequence.open(path)
    with caplog.at_level(logging.WARNING):
        target = sequence.target("000005")
    np.testing.assert_array_equal(target.reshape(-1)[:-1], expected.reshape(-1)[:-1])
    assert "first release" in caplog.text


def test_camera_only_test_sequences_have_no_points_pose_or_targets(root: Path) -> None:
    path = root / "sequences" / "00"
    for folder in ("velodyne", "labels", "voxels"):
        shutil.rmtree(path / folder)
    (path / "poses.txt").unlink()
    sequence = SemanticKitti(root, ["00"]).sequences[0]
    assert sequence.voxel_ids == ()
    frame = sequence.frame("000001")
    assert frame.points is None
    assert frame.T_world_grid is None


def test_all_missing_files_are_named_in_one_error(root: Path) -> None:
    for name in ("sequences/00/calib.txt", "sequences/00/image_3/000002.png", "sequences/08/voxels/000005.invalid"):
        (root / name).unlink()
    with pytest.raises(SscError) as caught:
        SemanticKitti(root, ["00", "08", "99"])
    message = str(caught.value)
    assert message.startswith("4 missing")
    for name in ("00/calib.txt", "00/image_3/000002.png", "08/voxels/000005.invalid", "sequences/99/"):
        assert name in message


def test_a_folder_without_sequences_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SscError, match="holds no folder 'sequences'"):
        SemanticKitti(tmp_path, ["00"])


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("calib.txt", "P2: 1 2 3\n", r"'P2' is not followed by 12 numbers"),
        ("calib.txt", "P2: 1 0 0 0 0 1 0 0 0 0 1 0\n", r"lacks P3, Tr"),
        ("calib.txt", "P2: 1 0 0 0 0 nan 0 0 0 0 1 0\n", r"'P2' has numbers that are not finite"),
        ("times.txt", "-1\n" * 9, r"the time of frame 000000 is -1 s"),
        ("times.txt", "9e18\n" * 9, r"the time of frame 000000 is 9e\+18 s"),
        ("times.txt", "nan\n" * 9, r"the time of frame 000000 is nan s"),
        ("times.txt", "0.0\n0.1\n", r"has 2 rows of 1 numbers.*row for frame 000005"),
        ("poses.txt", "1 2 3\n" * 6, r"has 6 rows of 3 numbers; expected 12"),
        ("velodyne/000000.bin", "123456789", r"has 9 bytes, no multiple of 16"),
    ],
)
def test_a_damaged_file_is_named(root: Path, file: str, content: str, complaint: str) -> None:
    (root / "sequences" / "00" / file).write_text(content)
    with pytest.raises(SscError, match=complaint):
        KittiSequence.open(root / "sequences" / "00").points("000000")


@pytest.mark.parametrize("name", ["00", "08"])
def test_real_frames_agree_with_their_voxels(kitti_root: Path, name: str) -> None:
    sequence = SemanticKitti(kitti_root, [name]).sequences[0]
    assert not sequence.voxels_are_shifted
    points = sequence.points("000005")
    keep = keep_points(points)
    volume = voxelize(points[keep], sequence.point_labels("000005")[keep], sequence.grid)
    official = read_bits(sequence.path / "voxels" / "000005.bin", sequence.grid.shape)
    np.testing.assert_array_equal(volume != 0, official)
    target = sequence.target("000005")
    assert set(np.unique(target).tolist()) <= {*range(len(SEMANTIC_KITTI)), 255}


@pytest.mark.parametrize("name", ["00", "08"])
def test_real_scans_moved_by_their_poses_pile_up_to_the_labels(kitti_root: Path, name: str) -> None:
    """Voxel labels of the development set come from the current and the following scans: poses and rule agree."""
    sequence = SemanticKitti(kitti_root, [name]).sequences[0]
    if len(sequence.frame_ids) != 10:
        pytest.skip("only the development set's labels were made from just these ten scans")
    assert sequence.T_world_lidar is not None
    T_lidar_world = poses.inverse(sequence.T_world_lidar[0])
    points, labels = [], []
    for i, frame_id in enumerate(sequence.frame_ids):
        scan = sequence.points(frame_id)
        keep = keep_points(scan)
        points.append(poses.apply(T_lidar_world @ sequence.T_world_lidar[i], scan[keep, :3]))
        labels.append(sequence.point_labels(frame_id)[keep])
    volume = voxelize(np.concatenate(points).astype(np.float32), np.concatenate(labels), sequence.grid)
    published = read_labels(sequence.path / "voxels" / "000000.label", sequence.grid.shape)
    assert (volume != published).sum() < 1e-3 * (published != 0).sum()


def test_a_calibration_that_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "calib.txt").write_bytes(b"\xff\xfeP\x002\x00")
    with pytest.raises(SscError, match=r"calib\.txt is no text file"):
        read_calibration(tmp_path / "calib.txt")


def test_further_lines_of_a_calibration_are_left_alone(tmp_path: Path) -> None:
    """KITTI's object benchmark has R0_rect, a 3x3 matrix, beside them."""
    row = "1 0 0 0 0 1 0 0 0 0 1 0"
    text = f"calib_time: 09-Jan-2012\nP2: {row}\nP3: {row}\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr: {row}\n"
    (tmp_path / "calib.txt").write_text(text)
    assert read_calibration(tmp_path / "calib.txt").keys() == {"P2", "P3", "Tr"}


def test_poses_are_also_found_where_kitti_s_download_has_them(root: Path) -> None:
    """KITTI odometry: dataset/sequences/NN and dataset/poses/NN.txt; SemanticKITTI's own poses.txt wins."""
    (root / "dataset").mkdir()
    (root / "sequences").rename(root / "dataset" / "sequences")
    folder = root / "dataset" / "sequences" / "00"
    before = KittiSequence.open(folder).T_world_lidar
    assert before is not None
    (root / "dataset" / "poses").mkdir()
    official = root / "dataset" / "poses" / "00.txt"
    (folder / "poses.txt").rename(official)
    (sequence,) = SemanticKitti(root, ["00"]).sequences
    np.testing.assert_array_equal(sequence.T_world_lidar, before)
    own = official.read_text().replace("1 0 0 0 0 1", "1 0 0 7 0 1")
    (folder / "poses.txt").write_text(own)
    found = KittiSequence.open(folder).T_world_lidar
    assert found is not None
    assert not np.array_equal(found, before)


def test_a_pose_that_is_none_is_named_with_file_and_frame(root: Path) -> None:
    file = root / "sequences" / "00" / "poses.txt"
    lines = file.read_text().splitlines()
    lines[3] = "2 0 0 0 0 1 0 0 0 0 1 3"
    file.write_text("\n".join(lines))
    with pytest.raises(SscError, match=r"00/poses\.txt: the pose of frame 000003 is not a rigid transform"):
        KittiSequence.open(file.parent)
