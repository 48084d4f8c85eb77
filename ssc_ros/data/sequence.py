"""What every data set with voxel labels offers, and how its layout is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import Frame, LabelSet, SceneGrid, SscError
from ssc_ros.data import kitti_360, semantic_kitti
from ssc_ros.data.files import require_all


class LabelledSequence(Protocol):
    """A drive with stereo frames, some of which have ground truth."""

    @property
    def name(self) -> str:
        """The folder's name."""

    @property
    def frame_ids(self) -> tuple[str, ...]:
        """All frames."""

    @property
    def voxel_ids(self) -> tuple[str, ...]:
        """The frames that have ground truth."""

    @property
    def grid(self) -> SceneGrid:
        """Where the ground truth lies."""

    @property
    def label_set(self) -> LabelSet:
        """What the ground truth means."""

    def stamp(self, frame_id: str) -> int:
        """When a frame was sensed [ns]."""

    def frame(self, frame_id: str, with_points: bool = True) -> Frame:
        """What was sensed."""

    def target(self, frame_id: str) -> NDArray[np.uint8]:
        """(X, Y, Z) uint8 train ids, 255 unknown."""


def open_sequences(root: Path, names: Sequence[str]) -> tuple[LabelledSequence, ...]:
    """Open sequences of a data set whose layout is told by its folders.

    Args:
        root: holds `sequences/` (SemanticKITTI) or `data_2d_raw/` (SSCBench-KITTI-360).
        names: "08", or a drive, "0006".

    Raises:
        SscError: the layout is neither, or files are missing; one error names them all.
    """
    if is_kitti_360(root):
        folders = [kitti_360.drive_folder(root, name) for name in names]
        require_all([file for folder in folders for file in kitti_360.missing_files(folder)], root)
        return tuple(kitti_360.Kitti360Drive.open(root, name) for name in names)
    if not root.is_dir():
        raise SscError(f"data folder {root} does not exist")
    return semantic_kitti.SemanticKitti(root, names).sequences


def training_sequences(root: Path) -> tuple[str, ...]:
    """Names of the official training sequences that are there."""
    if is_kitti_360(root):
        return tuple(name for name in kitti_360.TRAIN if kitti_360.drive_folder(root, name).is_dir())
    folder = semantic_kitti.sequences_folder(root)
    return tuple(name for name in semantic_kitti.TRAIN if (folder / name).is_dir())


def is_kitti_360(root: Path) -> bool:
    """Whether a folder has the layout of SSCBench-KITTI-360."""
    return (root / "data_2d_raw").is_dir()
