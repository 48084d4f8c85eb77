"""What is there: a labelled voxel grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core.errors import SscError
from ssc_ros.core.grid import SceneGrid
from ssc_ros.core.labels import EMPTY, UNKNOWN, LabelSet


@dataclass(frozen=True)
class SemanticGrid:
    """Labels of a scene, with what is known of their certainty.

    Attributes:
        labels: (X, Y, Z) uint8 train ids; 0 is empty, 255 is unknown.
        grid: where the voxels are.
        label_set: what the labels mean.
        stamp: [ns].
        confidence: (X, Y, Z) uint8, 0..255 for probability 0..1 of the label, or None.
        observed: (X, Y, Z) bool, voxels inside the camera's view, or None.
        measured: (X/2, Y/2, Z/2, 8) uint8, 1 for voxels in which stereo has measured a point, or None; voxel (x, y, z)
            is child 4 (x % 2) + 2 (y % 2) + z % 2 of (x // 2, y // 2, z // 2), as networks read it.
        model_id: name of the checkpoint that predicted it; empty for ground truth.
    """

    labels: NDArray[np.uint8]
    grid: SceneGrid
    label_set: LabelSet
    stamp: int = 0
    confidence: NDArray[np.uint8] | None = None
    observed: NDArray[np.bool_] | None = None
    measured: NDArray[np.uint8] | None = None
    model_id: str = ""

    def __post_init__(self) -> None:
        shape = self.grid.shape
        for name, volume, kind, expected in (
            ("labels", self.labels, np.uint8, shape),
            ("confidence", self.confidence, np.uint8, shape),
            ("observed", self.observed, np.bool_, shape),
            ("measured", self.measured, np.uint8, (*(n // 2 for n in shape), 8)),
        ):
            if volume is not None and (volume.shape != expected or volume.dtype != kind):
                raise SscError(f"{name} are {volume.dtype} {volume.shape}, the grid needs {kind.__name__} {expected}")

    @property
    def occupied(self) -> NDArray[np.bool_]:
        """(X, Y, Z) bool: neither empty nor unknown."""
        return np.asarray((self.labels != EMPTY) & (self.labels != UNKNOWN))

    def surface(self) -> NDArray[np.int64]:
        """Indices (N, 3) of the occupied voxels with at least one of six faces open (or at the border)."""
        solid = np.pad(self.occupied, 1)
        core = solid[1:-1, 1:-1, 1:-1]
        enclosed = (
            solid[:-2, 1:-1, 1:-1] & solid[2:, 1:-1, 1:-1]
            & solid[1:-1, :-2, 1:-1] & solid[1:-1, 2:, 1:-1]
            & solid[1:-1, 1:-1, :-2] & solid[1:-1, 1:-1, 2:]
        )  # fmt: skip
        return np.argwhere(core & ~enclosed)
