"""Predictions in the official submission layout of the SemanticKITTI completion task."""

from __future__ import annotations

from pathlib import Path

from ssc_ros.core import SemanticGrid
from ssc_ros.data import voxel_files


def prediction_path(root: Path, sequence: str, frame_id: str) -> Path:
    """Where the official tools look for a prediction: `sequences/NN/predictions/NNNNNN.label`."""
    return root / "sequences" / sequence / "predictions" / f"{frame_id}.label"


def write_prediction(root: Path, sequence: str, frame_id: str, prediction: SemanticGrid) -> Path:
    """Write a prediction as uint16 raw ids in C order, atomically, and return its path.

    The official evaluation knows no unknown prediction; unknown voxels are written as empty.
    """
    path = prediction_path(root, sequence, frame_id)
    voxel_files.write_labels(path, prediction.label_set.raw_from_train(prediction.labels))
    return path
