"""The submission layout that the official evaluation and validation scripts read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ssc_ros.core import SEMANTIC_KITTI, SEMANTIC_KITTI_GRID, SemanticGrid
from ssc_ros.data.predictions import write_point_prediction, write_prediction


def test_a_prediction_holds_raw_ids_of_the_inverse_map(tmp_path: Path) -> None:
    labels = np.zeros(SEMANTIC_KITTI_GRID.shape, np.uint8)
    labels[0, 0, 1], labels[0, 0, 2], labels[255, 255, 31] = 1, 19, 255
    path = write_prediction(tmp_path, "08", "000005", SemanticGrid(labels, SEMANTIC_KITTI_GRID, SEMANTIC_KITTI))
    assert path == tmp_path / "sequences" / "08" / "predictions" / "000005.label"
    raw = np.fromfile(path, "<u2")
    assert raw.nbytes == 4_194_304  # what validate_submission.py expects
    assert raw[:3].tolist() == [0, 10, 81]
    assert raw[-1] == 0
    assert [file.name for file in path.parent.iterdir()] == ["000005.label"]


def test_predicted_points_are_written_as_the_labels_are(tmp_path: Path) -> None:
    raw = SEMANTIC_KITTI.raw_from_train(np.array([1, 0, 19, 9], np.uint8))
    path = write_point_prediction(tmp_path, "11", "000007", raw)
    assert path == tmp_path / "sequences" / "11" / "predictions" / "000007.label"
    assert np.fromfile(path, "<u4").tolist() == [10, 0, 81, 40]
