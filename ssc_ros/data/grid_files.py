"""Grids on disk: the raw labels of SemanticKITTI, and everything that is known of a grid."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from ssc_ros.core import SemanticGrid
from ssc_ros.core.files import write_atomically
from ssc_ros.data.voxel_files import write_labels


def save_grid(grid: SemanticGrid, directory: Path) -> list[Path]:
    """Write a grid as SemanticKITTI raw labels (`STAMP.label`) and, with all that is known of it, as `STAMP.npz`.

    Args:
        grid: to write.
        directory: made if missing.

    Returns:
        Absolute paths; STAMP is the grid's, [ns] with 19 digits.

    Raises:
        OSError: the folder cannot be written.
    """
    stem = directory.expanduser().absolute() / f"{grid.stamp:019d}"
    raw, everything = stem.with_suffix(".label"), stem.with_suffix(".npz")
    write_labels(raw, grid.label_set.raw_from_train(grid.labels))
    write_atomically(everything, _npz(grid))
    return [raw, everything]


def _npz(grid: SemanticGrid) -> bytes:
    scene = grid.grid
    contents: dict[str, Any] = {
        "labels": grid.labels,
        "confidence": grid.confidence,
        "observed": grid.observed,
        "names": grid.label_set.names,
        "label_set": grid.label_set.name,
        "model_id": grid.model_id,
        "min_corner": scene.min_corner,
        "voxel_size": scene.voxel_size,
        "frame_id": scene.frame_id,
        "stamp": np.int64(grid.stamp),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: value for name, value in contents.items() if value is not None})
    return buffer.getvalue()
