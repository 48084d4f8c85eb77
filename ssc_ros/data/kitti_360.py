"""SSCBench-KITTI-360 (Li et al. 2023) in the published layout.

`ROOT/data_2d_raw/2013_05_28_drive_NNNN_sync/` holds image_00/data_rect, image_01/data_rect and voxels (every fifth
frame); `ROOT/preprocess/labels/<drive>/`, or `ROOT/labels/<drive>/`, the same ground truth as train ids.

SSCBench numbers its frames anew, so that poses, sweeps and time stamps of KITTI-360 itself do not fit by number; there
are no LiDAR sweeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import (
    SEMANTIC_KITTI_GRID,
    SSCBENCH_KITTI_360,
    UNKNOWN,
    Frame,
    LabelSet,
    SceneGrid,
    SscError,
    StereoRig,
    poses,
)
from ssc_ros.data import voxel_files
from ssc_ros.data.files import read_image, require_all, stems

TRAIN = ("0000", "0002", "0003", "0004", "0005", "0007", "0010")
VALIDATION = ("0006",)
TEST = ("0009",)

IMAGE_SIZE = (376, 1408)
FRAME_PERIOD = 100_000_000
"""Nominal [ns]: KITTI-360 was recorded at about 10 Hz."""

P_RECT_00 = np.array([[552.554261, 0, 682.049453, 0], [0, 552.554261, 238.769549, 0], [0, 0, 1, 0]])
P_RECT_01 = np.array([[552.554261, 0, 682.049453, -328.318735], [0, 552.554261, 238.769549, 0], [0, 0, 1, 0]])
"""Rectified projections (perspective.txt). Their baseline is 0.5942 m; VoxFormer and SGN round it to 0.6 m."""

T_LIDAR_CAMERA = poses.from_rows(
    np.array([
        0.04307104361, -0.08829286498, 0.995162929, 0.8043914418,
        -0.999004371, 0.007784614041, 0.04392796942, 0.2993489574,
        -0.01162548558, -0.9960641394, -0.08786966659, -0.1770225824,
    ])
)  # fmt: skip
"""Camera 0 -> LiDAR (calib_cam_to_velo.txt)."""

T_VEHICLE_CAMERA = poses.from_rows(
    np.array([
        0.0371783278, -0.0986182135, 0.9944306009, 1.5752681039,
        0.9992675562, -0.0053553387, -0.0378902567, 0.0043914093,
        0.0090621821, 0.9951109327, 0.0983468786, -0.65,
    ])
)  # fmt: skip
"""Camera 0 -> the vehicle's GPS/IMU frame, whose poses KITTI-360 publishes (calib_cam_to_pose.txt, image_00)."""


@dataclass(frozen=True)
class Kitti360Drive:
    """One drive.

    Attributes:
        path: its folder in data_2d_raw.
        labels: its folder of prepared labels; need not exist.
        frame_ids: the frames that have a left image, as file stems.
        voxel_ids: those of them that have ground truth.
        rig: the same for all drives; the grid frame is the LiDAR's.
        T_world_lidar: (4, 4) float64 by frame, for the frames that have a pose.
    """

    path: Path
    labels: Path
    frame_ids: tuple[str, ...]
    voxel_ids: tuple[str, ...]
    rig: StereoRig
    T_world_lidar: Mapping[str, NDArray[np.float64]]
    grid: SceneGrid = SEMANTIC_KITTI_GRID
    label_set: LabelSet = SSCBENCH_KITTI_360

    @staticmethod
    def open(root: Path, name: str) -> Kitti360Drive:
        """Index a drive.

        Args:
            root: the folder that holds data_2d_raw.
            name: the drive's number, "0006", or its folder's name.

        Raises:
            SscError: files are missing, or a text file cannot be understood.
        """
        path = drive_folder(root, name)
        require_all(missing_files(path), root)
        labels = labels_folder(root, path.name)
        frame_ids = stems(path / "image_00" / "data_rect", ".png")
        labelled = {*stems(path / "voxels", ".label"), *(s.removesuffix("_1_1") for s in stems(labels, "_1_1.npy"))}
        return Kitti360Drive(
            path,
            labels,
            frame_ids,
            tuple(frame_id for frame_id in frame_ids if frame_id in labelled),
            StereoRig.from_projections(P_RECT_00, P_RECT_01, IMAGE_SIZE, T_LIDAR_CAMERA),
            _read_poses(path, frame_ids),
        )

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    def stamp(self, frame_id: str) -> int:
        """When a frame was sensed [ns], nominally."""
        return int(frame_id) * FRAME_PERIOD

    def frame(self, frame_id: str, with_points: bool = True) -> Frame:
        """The stereo pair of a frame, with its pose where there is one; the stamp is nominal.

        `with_points` is accepted for the sake of a common interface; SSCBench has no sweeps.

        Raises:
            SscError: there is no such frame, or an image is damaged.
        """
        if frame_id not in self.frame_ids:
            raise SscError(f"{self.path} has no frame {frame_id}, only {self.frame_ids[0]} .. {self.frame_ids[-1]}")
        left, right = (read_image(self.path / side / "data_rect" / f"{frame_id}.png") for side in _SIDES)
        return Frame(self.stamp(frame_id), left, right, self.rig, None, self.T_world_lidar.get(frame_id))

    def target(self, frame_id: str) -> NDArray[np.uint8]:
        """Ground truth (256, 256, 32) uint8 train ids, 255 unknown.

        From the prepared labels where they exist, else from voxels, by the same rule: a labelled voxel is valid
        whatever `.invalid` says.

        Raises:
            SscError: files are missing or damaged, or hold ids that the label set does not know.
        """
        prepared = self.labels / f"{frame_id}_1_1.npy"
        if prepared.exists():
            return self._read_prepared(prepared)
        files = self.path / "voxels" / frame_id
        raw = voxel_files.read_labels(files.with_suffix(".label"), self.grid.shape)
        invalid = voxel_files.read_invalid(files.with_suffix(".invalid"), self.grid.shape) & (raw == 0)
        return np.where(invalid, np.uint8(UNKNOWN), self.label_set.train_from_raw_voxels(raw))

    def _read_prepared(self, path: Path) -> NDArray[np.uint8]:
        volume = _load(path)
        if volume.shape != self.grid.shape:
            raise SscError(f"{path} holds a volume {volume.shape}, expected {self.grid.shape}")
        expected = f"train ids 0 .. {len(self.label_set) - 1} of '{self.label_set.name}' and 255"
        ids = np.unique(volume)
        if not np.isin(ids, (*range(len(self.label_set)), UNKNOWN)).all():
            raise SscError(f"{path} holds {_shortened(ids)}, expected {expected}; prepare it with SSCBench's own map")
        if not self._prepared_is_ours:
            raise SscError(
                f"the volumes in {self.labels} hold no building, vegetation or terrain, so their map is not that of "
                f"{expected}; prepare them with SSCBench's own map, or remove them: voxels/ holds the same"
            )
        return np.asarray(volume, np.uint8)

    @cached_property
    def _prepared_is_ours(self) -> bool:
        """Whether one of five prepared volumes, over the drive, has a class that no street of the data set is without.

        Maps of fewer classes end below them, and would be scored without a word.
        """
        common = [self.label_set.names.index(name) for name in ("building", "vegetation", "terrain")]
        files = sorted(self.labels.glob("*_1_1.npy"))
        return any(np.isin(_load(file), common).any() for file in files[:: -(-len(files) // 5)])


def _load(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise SscError(f"cannot read {path}: {error}") from error


def _shortened(ids: NDArray[Any]) -> str:
    return f"values {ids[:12].tolist()}{' and more' if len(ids) > 12 else ''}"


def labels_folder(root: Path, drive: str) -> Path:
    """Return the folder of a drive's prepared labels, or where it would be."""
    prepared, beside = root / "preprocess" / "labels" / drive, root / "labels" / drive
    return beside if beside.is_dir() and not prepared.is_dir() else prepared


_SIDES = ("image_00", "image_01")


def drive_folder(root: Path, name: str) -> Path:
    """Folder of a drive, given its number or its folder's name."""
    return root / "data_2d_raw" / (f"2013_05_28_drive_{int(name):04d}_sync" if name.isdigit() else name)


def missing_files(path: Path) -> list[str]:
    """What a drive's folder lacks."""
    if not path.is_dir():
        return [f"{path}/"]
    left, right = (path / side / "data_rect" for side in _SIDES)
    frame_ids, right_ids = stems(left, ".png"), set(stems(right, ".png"))
    missing = [] if frame_ids else [f"{left}/*.png"]
    missing += [str(right / f"{frame_id}.png") for frame_id in frame_ids if frame_id not in right_ids]
    invalid_ids = set(stems(path / "voxels", ".invalid"))
    labelled = stems(path / "voxels", ".label")
    return missing + [str(path / "voxels" / f"{i}.invalid") for i in labelled if i not in invalid_ids]


def _read_poses(path: Path, frame_ids: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """LiDAR poses by frame from pose.txt (or poses.txt): frame number and 3x4 vehicle pose in each row."""
    file = next((path / name for name in ("pose.txt", "poses.txt") if (path / name).exists()), None)
    if file is None:
        return {}
    try:
        table = np.loadtxt(file, np.float64, ndmin=2)
    except ValueError as error:
        raise SscError(f"{file} is no table of numbers: {error}") from error
    if table.shape[1] != 13:
        raise SscError(f"{file} has {table.shape[1]} numbers a row, expected 13: frame number and 3x4 pose")
    T_vehicle_lidar = T_VEHICLE_CAMERA @ poses.inverse(T_LIDAR_CAMERA)
    by_number = {int(row[0]): poses.from_rows(row[1:]) @ T_vehicle_lidar for row in table}
    for number, pose in by_number.items():
        if not poses.is_rigid(pose):
            raise SscError(f"{file}: the pose of frame {number} is not a rigid transform")
    return {frame_id: by_number[int(frame_id)] for frame_id in frame_ids if int(frame_id) in by_number}
