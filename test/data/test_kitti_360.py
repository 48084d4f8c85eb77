"""SSCBench-KITTI-360's layout, on a tiny drive."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI_GRID, SSCBENCH_KITTI_360, SscError, poses
from ssc_ros.data import kitti_360
from ssc_ros.data.kitti_360 import Kitti360Drive
from ssc_ros.data.sequence import open_sequences, training_sequences

DRIVE = "2013_05_28_drive_0006_sync"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    drive = tmp_path / "data_2d_raw" / DRIVE
    rng = np.random.default_rng(0)
    for side in ("image_00", "image_01"):
        (drive / side / "data_rect").mkdir(parents=True)
        for i in range(6):
            image = rng.integers(0, 256, (*kitti_360.IMAGE_SIZE, 3), np.uint8)
            cv2.imwrite(str(drive / side / "data_rect" / f"{i:06d}.png"), image)
    (drive / "voxels").mkdir()
    for i in (0, 5):
        labels = np.zeros(SEMANTIC_KITTI_GRID.shape, np.uint16)
        labels[0, 0, :5] = (10, 52, 99, 71, 1)
        labels[0, 0, 5] = 40
        invalid = np.zeros(labels.shape, np.uint8)
        invalid[0, 0, 5:7] = 1
        labels.tofile(drive / "voxels" / f"{i:06d}.label")
        invalid.tofile(drive / "voxels" / f"{i:06d}.invalid")
    # frame 2 has no pose, as in the published file
    rows = [f"{i} 1 0 0 {i} 0 1 0 0 0 0 1 0" for i in (0, 1, 3, 4, 5)]
    (drive / "pose.txt").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_splits_are_the_published_ones(label_maps: Path) -> None:
    yaml = pytest.importorskip("yaml")
    split = yaml.safe_load((label_maps / "sscbench_kitti360.yaml").read_text())["split"]
    ours = {"train": kitti_360.TRAIN, "valid": kitti_360.VALIDATION, "test": kitti_360.TEST}
    assert {name: [int(drive) for drive in drives] for name, drives in ours.items()} == split


def test_the_baseline_is_that_of_the_rectified_calibration(root: Path) -> None:
    assert Kitti360Drive.open(root, "0006").rig.baseline == pytest.approx(0.5942, abs=5e-5)


def test_the_camera_looks_along_the_lidars_x_from_its_published_place(root: Path) -> None:
    rig = Kitti360Drive.open(root, DRIVE).rig
    np.testing.assert_allclose(rig.T_grid_camera[:3, 3], (0.8043914418, 0.2993489574, -0.1770225824))
    pixels, depth = rig.project(np.array([[20.0, 0.0, -1.0]]))
    assert depth[0] == pytest.approx(19.2, abs=0.3)
    assert abs(pixels[0, 0] - 682) < 100


def test_a_frame_has_its_pose_or_none(root: Path) -> None:
    (drive,) = open_sequences(root, ["06"])
    assert drive.name == DRIVE
    assert drive.voxel_ids == ("000000", "000005")
    frame = drive.frame("000003")
    assert frame.points is None
    assert frame.left.shape == (376, 1408, 3)
    assert frame.T_world_grid is not None
    # three metres along the vehicle's x, whatever the mounting
    first = drive.frame("000000").T_world_grid
    assert first is not None
    np.testing.assert_allclose((frame.T_world_grid @ poses.inverse(first))[:3, 3], (3, 0, 0), atol=1e-9)
    assert drive.frame("000002").T_world_grid is None


def test_labelled_voxels_are_valid_and_raw_ids_map_as_sscbench_has_them(root: Path) -> None:
    target = Kitti360Drive.open(root, "0006").target("000000")
    names = SSCBENCH_KITTI_360.names
    other = names.index("other-structure"), names.index("other-object")
    assert target[0, 0, :8].tolist() == [1, *other, 255, 255, names.index("road"), 255, 0]


def test_prepared_labels_are_preferred(root: Path) -> None:
    folder = root / "preprocess" / "labels" / DRIVE
    folder.mkdir(parents=True)
    prepared = np.full(SEMANTIC_KITTI_GRID.shape, 255, np.float32)
    prepared[3, 4, 5] = 13
    np.save(folder / "000000_1_1.npy", prepared)
    drive = Kitti360Drive.open(root, "0006")
    target = drive.target("000000")
    assert target[3, 4, 5] == 13
    assert (target != 255).sum() == 1
    assert drive.target("000005")[3, 4, 5] == 0
    np.save(folder / "000005_1_1.npy", prepared[:10])
    with pytest.raises(SscError, match=r"000005_1_1\.npy holds a volume \(10, 256, 32\)"):
        drive.target("000005")


def test_all_missing_files_are_named_in_one_error(root: Path) -> None:
    (root / "data_2d_raw" / DRIVE / "image_01" / "data_rect" / "000004.png").unlink()
    (root / "data_2d_raw" / DRIVE / "voxels" / "000005.invalid").unlink()
    with pytest.raises(SscError, match=r"3 missing") as caught:
        open_sequences(root, ["0006", "0009"])
    for name in ("image_01/data_rect/000004.png", "000005.invalid", "drive_0009_sync"):
        assert name in str(caught.value)


def test_the_layout_and_its_training_sequences_are_told_from_the_folders(root: Path, tmp_path: Path) -> None:
    assert training_sequences(root) == ()
    (root / "data_2d_raw" / "2013_05_28_drive_0010_sync").mkdir()
    assert training_sequences(root) == ("0010",)
    with pytest.raises(SscError, match="does not exist"):
        open_sequences(tmp_path / "nowhere", ["08"])


def prepare(folder: Path, *ids: float) -> None:
    """Two frames of prepared labels in which these values occur."""
    folder.mkdir(parents=True)
    volume = np.zeros(SEMANTIC_KITTI_GRID.shape, np.float32)
    volume[0, 0, : len(ids)] = ids
    for i in (0, 5):
        np.save(folder / f"{i:06d}_1_1.npy", volume)


def test_labels_beside_the_images_are_found_as_those_below_preprocess(root: Path) -> None:
    prepare(root / "labels" / DRIVE, 1, 7, 13, 255)
    drive = Kitti360Drive.open(root, "0006")
    assert drive.target("000000")[0, 0, :4].tolist() == [1, 7, 13, 255]
    for file in (root / "data_2d_raw" / DRIVE / "voxels").iterdir():
        file.unlink()
    assert Kitti360Drive.open(root, "0006").voxel_ids == ("000000", "000005")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ((1, 19), r"000000_1_1\.npy holds values \[0\.0, 1\.0, 19\.0\], expected train ids 0 \.\. 18"),
        ((1, 2.5), r"holds values"),
        ((-1, 3), r"holds values"),
        ((float("nan"), 3), r"holds values"),
        ((1, 7, 10, 255), r"no building, vegetation or terrain, so their map is not that of"),
    ],
    ids=["too many classes", "fractions", "negative", "no number", "too few classes"],
)
def test_labels_of_another_map_are_refused(root: Path, ids: tuple[float, ...], message: str) -> None:
    prepare(root / "preprocess" / "labels" / DRIVE, *ids)
    with pytest.raises(SscError, match=message):
        Kitti360Drive.open(root, "0006").target("000000")


def test_a_pose_of_a_drive_that_is_none_is_named(root: Path) -> None:
    file = root / "data_2d_raw" / DRIVE / "pose.txt"
    file.write_text(file.read_text().replace("3 1 0 0", "3 2 0 0"))
    with pytest.raises(SscError, match=r"pose\.txt: the pose of frame 3 is not a rigid transform"):
        Kitti360Drive.open(root, "0006")
