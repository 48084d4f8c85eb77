"""SemanticKITTI (Behley et al. 2019) over KITTI odometry (Geiger et al. 2012), in the published layout.

`ROOT/sequences/NN/` holds calib.txt, times.txt, image_2 and image_3; poses.txt, velodyne, labels and voxels where
there are any. Poses may also be where KITTI's download has them, `ROOT/poses/NN.txt`. The grid frame is the LiDAR's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import (
    SEMANTIC_KITTI,
    SEMANTIC_KITTI_GRID,
    UNKNOWN,
    Frame,
    LabelSet,
    SceneGrid,
    SscError,
    StereoRig,
    poses,
)
from ssc_ros.data import voxel_files
from ssc_ros.data.files import read_image, read_records, require_all, stems
from ssc_ros.data.kitti_text import poses_file, read_calibration, read_poses, read_times
from ssc_ros.data.voxelize import keep_points, voxelize

TRAIN = ("00", "01", "02", "03", "04", "05", "06", "07", "09", "10")
VALIDATION = ("08",)
TEST = ("11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KittiSequence:
    """One sequence folder; every array is in the order of `frame_ids`.

    Attributes:
        path: the folder of the sequence.
        frame_ids: the frames that have a left image, as file stems ("000000").
        voxel_ids: those of them that have voxel labels (every fifth of the official training sequences).
        rig: calibration of image_2 and image_3; the grid frame is the LiDAR's.
        times: (N,) int64 [ns] since the start of the sequence.
        T_world_lidar: (N, 4, 4) float64, LiDAR -> LiDAR at the start, inv(Tr) pose Tr; None without poses.txt.
    """

    path: Path
    frame_ids: tuple[str, ...]
    voxel_ids: tuple[str, ...]
    rig: StereoRig
    times: NDArray[np.int64]
    T_world_lidar: NDArray[np.float64] | None
    grid: SceneGrid = SEMANTIC_KITTI_GRID
    label_set: LabelSet = SEMANTIC_KITTI

    @staticmethod
    def open(path: Path) -> KittiSequence:
        """Index a sequence folder.

        Raises:
            SscError: files are missing, or a text file cannot be understood.
        """
        require_all(missing_files(path), path)
        frame_ids = stems(path / "image_2", ".png")
        rows = [int(frame_id) for frame_id in frame_ids]
        calibration = read_calibration(path / "calib.txt")
        T_camera_lidar = poses.from_rows(calibration["Tr"])
        height, width, _ = read_image(path / "image_2" / f"{frame_ids[0]}.png").shape
        rig = StereoRig.from_projections(
            calibration["P2"], calibration["P3"], (height, width), poses.inverse(T_camera_lidar)
        )
        times = read_times(path / "times.txt", rows)
        T_world_lidar = None
        if (file := poses_file(path)).exists():
            T_first_camera = read_poses(file, rows)
            T_world_lidar = poses.inverse(T_camera_lidar) @ T_first_camera @ T_camera_lidar
        labelled = set(stems(path / "voxels", ".label"))
        voxel_ids = tuple(frame_id for frame_id in frame_ids if frame_id in labelled)
        return KittiSequence(path, frame_ids, voxel_ids, rig, np.rint(times * 1e9).astype(np.int64), T_world_lidar)

    @property
    def name(self) -> str:
        """The folder's name, "08"."""
        return self.path.name

    @cached_property
    def _position(self) -> dict[str, int]:
        return {frame_id: i for i, frame_id in enumerate(self.frame_ids)}

    def stamp(self, frame_id: str) -> int:
        """When a frame was sensed [ns], since the start of the sequence."""
        return int(self.times[self._position[frame_id]])

    def frame(self, frame_id: str, with_points: bool = True) -> Frame:
        """The stereo pair of a frame with its pose, and its LiDAR sweep where there is one.

        Raises:
            SscError: there is no such frame, or a file is damaged.
        """
        if frame_id not in self._position:
            raise SscError(f"sequence {self.path} has no frame {frame_id}, only {_span(self.frame_ids)}")
        position = self._position[frame_id]
        return Frame(
            stamp=int(self.times[position]),
            left=read_image(self.path / "image_2" / f"{frame_id}.png"),
            right=read_image(self.path / "image_3" / f"{frame_id}.png"),
            rig=self.rig,
            points=self.points(frame_id) if with_points and self.has_points else None,
            T_world_grid=None if self.T_world_lidar is None else self.T_world_lidar[position],
        )

    @property
    def has_points(self) -> bool:
        """Whether the sequence has LiDAR sweeps."""
        return (self.path / "velodyne").is_dir()

    @property
    def has_point_labels(self) -> bool:
        """Whether the sequence has LiDAR sweeps whose points have labels."""
        return self.has_points and (self.path / "labels").is_dir()

    def points(self, frame_id: str) -> NDArray[np.float32]:
        """LiDAR sweep (N, 4) float32: x, y, z [m] in the LiDAR frame, intensity 0..1.

        Raises:
            SscError: the file is missing or no list of four floats.
        """
        path = self.path / "velodyne" / f"{frame_id}.bin"
        return read_records(path, np.float32, 4)

    def point_labels(self, frame_id: str) -> NDArray[np.uint16]:
        """Raw ids (N,) uint16 of the sweep's points; the instance is dropped.

        Raises:
            SscError: the file is missing or damaged.
        """
        path = self.path / "labels" / f"{frame_id}.label"
        return (read_records(path, np.uint32, 1)[:, 0] & 0xFFFF).astype(np.uint16)

    def target(self, frame_id: str) -> NDArray[np.uint8]:
        """Ground truth (256, 256, 32) uint8 train ids; 255 where invalid or ignored.

        Raises:
            SscError: the voxel files are missing or damaged, or hold ids that the label set does not know.
        """
        files = self.path / "voxels" / frame_id
        raw = voxel_files.read_labels(files.with_suffix(".label"), self.grid.shape)
        invalid = voxel_files.read_invalid(files.with_suffix(".invalid"), self.grid.shape)
        if self.voxels_are_shifted:
            raw = voxel_files.undo_first_release_shift(raw)
            invalid = voxel_files.undo_first_release_shift(invalid)
        return np.where(invalid, np.uint8(UNKNOWN), self.label_set.train_from_raw_voxels(raw))

    @cached_property
    def voxels_are_shifted(self) -> bool:
        """Whether the voxel files are of the first release (before August 2020), one flat element late.

        Told by the first .bin that has its sweep: the voxelised sweep equals it, or it equals it shifted.
        """
        for frame_id in self.voxel_ids:
            path = self.path / "voxels" / f"{frame_id}.bin"
            if path.exists() and (self.path / "velodyne" / f"{frame_id}.bin").exists():
                break
        else:
            return False
        published = voxel_files.read_bits(path, self.grid.shape)
        points = self.points(frame_id)
        points = points[keep_points(points)]
        measured = voxelize(points, np.ones(len(points), np.uint8), self.grid) != 0
        shifted = _overlap(voxel_files.undo_first_release_shift(published), measured) > _overlap(published, measured)
        if shifted:
            _log.warning(
                "%s/voxels are of SemanticKITTI's first release, whose voxels are shifted by one element; the shift "
                "is undone on reading. Download the voxels again to be rid of this message",
                self.path,
            )
        return shifted


class SemanticKitti:
    """Several sequences of one data set.

    Attributes:
        sequences: in the order asked for.
    """

    def __init__(self, root: Path, sequences: Sequence[str]) -> None:
        """Index sequences of a data set.

        Args:
            root: the folder that holds `sequences/` (or `dataset/sequences/`).
            sequences: names, "00" .. "21".

        Raises:
            SscError: files are missing; one error names them all.
        """
        folders = [sequences_folder(root) / name for name in sequences]
        require_all([f for folder in folders for f in missing_files(folder)], root)
        self.sequences = tuple(KittiSequence.open(folder) for folder in folders)


def sequences_folder(root: Path) -> Path:
    """The folder `sequences` of a data set.

    Raises:
        SscError: there is none.
    """
    for folder in (root / "sequences", root / "dataset" / "sequences"):
        if folder.is_dir():
            return folder
    raise SscError(
        f"{root} holds no folder 'sequences'; expected the root of a SemanticKITTI (KITTI odometry) data set"
    )


def missing_files(path: Path) -> list[str]:
    """What a sequence folder lacks; a folder velodyne or labels that exists has to be complete."""
    if not path.is_dir():
        return [f"{path}/"]
    missing = [str(path / name) for name in ("calib.txt", "times.txt") if not (path / name).exists()]
    frame_ids = stems(path / "image_2", ".png")
    if not frame_ids:
        missing.append(f"{path / 'image_2'}/*.png")
    expected = {("image_3", ".png"): frame_ids}
    for folder, suffix in (("velodyne", ".bin"), ("labels", ".label")):
        if (path / folder).is_dir():
            expected[folder, suffix] = frame_ids
    expected["voxels", ".invalid"] = stems(path / "voxels", ".label")
    for (folder, suffix), wanted in expected.items():
        present = set(stems(path / folder, suffix))
        missing += [str(path / folder / f"{frame_id}{suffix}") for frame_id in wanted if frame_id not in present]
    return missing


def _span(frame_ids: Sequence[str]) -> str:
    return f"{frame_ids[0]} .. {frame_ids[-1]}"


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))
