"""A LiDAR sweep in, a class for each of its points out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssc_ros.inference.checkpoint import CheckpointMetadata


@dataclass(frozen=True)
class SegmentedPoints:
    """Classes of the N points of a sweep, in the order of the sweep.

    Attributes:
        labels: (N,) uint8 train ids; 0, unlabelled, at points outside of the network's box or not finite.
        confidence: (N,) float32, the probability of the label, 0 where there is none; None if not asked for.
    """

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32] | None = None


class PointSegmenter:
    """Runs a checkpoint that tells the classes of points. Not thread-safe: one thread at a time.

    Attributes:
        metadata: what the checkpoint says of itself.
        timings: milliseconds per stage of the last call ("inputs", "network", "labels").
    """

    metadata: CheckpointMetadata
    timings: dict[str, float]

    @classmethod
    def from_checkpoint(cls, path: Path, device: str = "auto", threads: int | None = None) -> PointSegmenter:
        """Open a checkpoint.

        Args:
            path: a `.safetensors` file; nothing else is needed beside it.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", ...
            threads: CPU threads of torch, or None to leave the process as it is.

        Raises:
            SscError: a file or device that cannot be used, or a network that gives no classes to points.
        """
        raise NotImplementedError

    def warm_up(self) -> None:
        """Segment one made-up sweep, so that the first real one is not slower than the rest."""
        raise NotImplementedError

    def segment(
        self, points: NDArray[np.float32], *, confidence: bool = False, votes: int = 1, seed: int = 0
    ) -> SegmentedPoints:
        """Classes of the points of a sweep.

        Args:
            points: (N, 4) float32: x, y, z [m] in the LiDAR frame and reflectance in 0..1. Points that are not finite,
                or outside of the network's box, are unlabelled; a reflectance that is not finite counts as 0.
            confidence: whether to compute it.
            votes: predictions of turned and mirrored copies whose probabilities are averaged; the first is of the
                sweep as it is.
            seed: of the copies.

        Raises:
            SscError: points of another shape.
        """
        raise NotImplementedError
