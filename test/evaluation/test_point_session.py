"""An evaluation of point segmentation: every sweep is predicted and kept, those with labels are scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.evaluation.point_session import PointSession, Sweep

CAR, ROAD = (SEMANTIC_KITTI.names.index(name) for name in ("car", "road"))


def sweep(name: str, truth: list[int] | None) -> Sweep:
    points = np.zeros((4, 4), np.float32)
    return Sweep("08", name, points, None if truth is None else np.array(truth, np.uint8))


def test_sweeps_without_labels_are_kept_and_not_scored(tmp_path: Path) -> None:
    """Of four cars and roads one is wrong, and an unlabelled point counts for nothing."""
    said, session = np.array([CAR, CAR, ROAD, ROAD], np.uint8), PointSession(SEMANTIC_KITTI)
    sweeps = [sweep("000000", [CAR, ROAD, ROAD, 0]), sweep("000001", None), sweep("000002", [CAR, CAR, ROAD, ROAD])]
    kept = []
    session.run(lambda points: said, sweeps, len(sweeps), lambda sweep, labels: kept.append((sweep.sweep_id, labels)))
    assert [sweep_id for sweep_id, _ in kept] == ["000000", "000001", "000002"]
    assert session.scored == 2
    assert not list(tmp_path.iterdir())
    report = session.finish("a network on 08", tmp_path, {"data": "here"})
    scores = report.scores["all"]
    assert scores.accuracy == pytest.approx(6 / 7)
    assert scores.per_class[CAR] == pytest.approx(3 / 4)
    assert scores.per_class[ROAD] == pytest.approx(3 / 4)
    written = json.loads((tmp_path / "latest" / "metrics.json").read_text())
    assert (written["sweeps"], written["config"]) == (2, {"data": "here"})
