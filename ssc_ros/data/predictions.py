"""Predictions in the official submission layout of SemanticKITTI's completion and segmentation tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SemanticGrid
from ssc_ros.core.files import write_atomically
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


def write_point_prediction(root: Path, sequence: str, sweep_id: str, raw: NDArray[np.uint16]) -> Path:
    """Write the raw ids (N,) of a sweep's points as uint32, in the order of its file, and return the path.

    The upper half, in which labels keep an instance, is zero.
    """
    path = prediction_path(root, sequence, sweep_id)
    write_atomically(path, raw.astype("<u4").tobytes())
    return path
