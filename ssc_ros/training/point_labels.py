"""Who gives the points of a training sweep the classes that a fused network reads: the data set, or a segmenter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SscError
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.inference.segmenter import PointSegmenter


class PointLabeller(Protocol):
    """Labels sweeps."""

    @property
    def identity(self) -> str:
        """Tells labellers apart whose labels differ; prepared samples are kept by it."""

    def __call__(self, sequence: KittiSequence, frame_id: str, points: NDArray[np.float32]) -> NDArray[np.uint8]:
        """(N,) uint8 train ids of a frame's points (N, 4), 0 unlabelled."""


@dataclass(frozen=True)
class TruthLabeller:
    """The labels of the data set, which no robot has: what is trained and scored with them flatters."""

    identity: str = "truth"

    def __call__(self, sequence: KittiSequence, frame_id: str, points: NDArray[np.float32]) -> NDArray[np.uint8]:
        """See `PointLabeller`.

        Raises:
            SscError: the data set has no labels of points.
        """
        return sequence.label_set.train_from_raw_points(sequence.point_labels(frame_id))


@dataclass(frozen=True)
class NetworkLabeller:
    """What a segmentation checkpoint says, as it will on the robot.

    The network is opened where it is needed first, so in each loader process once.

    Attributes:
        checkpoint: the file.

    Raises:
        SscError: there is no such file.
    """

    checkpoint: Path

    def __post_init__(self) -> None:
        if not self.checkpoint.is_file():
            raise SscError(f"segmentation checkpoint {self.checkpoint} does not exist; name another: data.segmentation")

    @cached_property
    def identity(self) -> str:
        """A digest of the file."""
        return f"sha256 {hashlib.sha256(self.checkpoint.read_bytes()).hexdigest()[:16]}"

    @cached_property
    def _segmenter(self) -> PointSegmenter:
        return PointSegmenter.from_checkpoint(self.checkpoint, device="cpu")

    def __call__(self, sequence: KittiSequence, frame_id: str, points: NDArray[np.float32]) -> NDArray[np.uint8]:
        """See `PointLabeller`.

        Raises:
            SscError: the checkpoint cannot be used, or knows other classes than the data set.
        """
        known, wanted = self._segmenter.metadata.label_set_name, sequence.label_set.name
        if known != wanted:
            raise SscError(f"segmentation checkpoint {self.checkpoint} is for label set {known}, but the data {wanted}")
        return self._segmenter.segment(points).labels
