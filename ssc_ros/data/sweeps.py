"""LiDAR sweeps with labelled points, in SemanticKITTI's layout; nothing else of a sequence has to be there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import LabelSet, SscError
from ssc_ros.data.files import read_records, stems
from ssc_ros.data.semantic_kitti import sequences_folder


@dataclass(frozen=True)
class SweepSequence:
    """The sweeps of one sequence folder, whether or not it has images.

    Attributes:
        path: the folder of the sequence.
        sweep_ids: all sweeps, as file stems ("000000").
        labelled_ids: those whose points have labels.
    """

    path: Path
    sweep_ids: tuple[str, ...]
    labelled_ids: tuple[str, ...]

    @staticmethod
    def open(path: Path) -> SweepSequence:
        """Index a sequence folder.

        Raises:
            SscError: it has no sweeps.
        """
        sweep_ids = stems(path / "velodyne", ".bin")
        if not sweep_ids:
            raise SscError(f"{path / 'velodyne'} holds no sweeps, NNNNNN.bin; is {path} a SemanticKITTI sequence?")
        labelled = set(stems(path / "labels", ".label"))
        return SweepSequence(path, sweep_ids, tuple(sweep_id for sweep_id in sweep_ids if sweep_id in labelled))

    @property
    def name(self) -> str:
        """The folder's name, "08"."""
        return self.path.name

    def points(self, sweep_id: str) -> NDArray[np.float32]:
        """(N, 4) float32: x, y, z [m] in the LiDAR frame, reflectance 0..1.

        Raises:
            SscError: the file is missing or no list of four floats.
        """
        return read_records(self.path / "velodyne" / f"{sweep_id}.bin", np.float32, 4)

    def labels(self, sweep_id: str) -> NDArray[np.uint32]:
        """(N,) uint32 labels as in the file: raw id, and the instance in the upper 16 bits.

        Raises:
            SscError: the file is missing or damaged, or is not of this sweep.
        """
        path = self.path / "labels" / f"{sweep_id}.label"
        labels = read_records(path, np.uint32, 1)[:, 0]
        points = (self.path / "velodyne" / f"{sweep_id}.bin").stat().st_size // 16
        if len(labels) != points:
            raise SscError(f"{path} has {len(labels)} labels, but its sweep {points} points; are both of one download?")
        return labels

    def train_ids(self, sweep_id: str, label_set: LabelSet) -> NDArray[np.uint8] | None:
        """(N,) uint8 train ids of a sweep's points, 0 unlabelled; None where the sweep has no labels.

        Raises:
            SscError: the file is damaged, or is not of this sweep.
        """
        if sweep_id not in self.labelled_ids:
            return None
        return label_set.train_from_raw_points(self.labels(sweep_id))


def open_sweeps(roots: Sequence[Path], names: Sequence[str]) -> list[SweepSequence]:
    """The named sequences of several data sets, each taken from every root that has it.

    Args:
        roots: folders that hold `sequences/`.
        names: such as "00".

    Raises:
        SscError: no root has a sequence of that name, or one has no sweeps.
    """
    folders = [sequences_folder(root) / name for root in roots for name in names]
    sequences = [SweepSequence.open(folder) for folder in folders if folder.is_dir()]
    absent = sorted(set(names) - {sequence.name for sequence in sequences})
    if absent:
        raise SscError(f"no sequence {', '.join(absent)} in {', '.join(map(str, roots))}")
    return sequences
