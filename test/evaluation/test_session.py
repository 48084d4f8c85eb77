"""A whole evaluation of a toy completer: counts, files, pictures, determinism."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from ssc_ros.core import SEMANTIC_KITTI, SSCBENCH_KITTI_360, Frame, SceneGrid, SemanticGrid, SscError
from ssc_ros.evaluation.report import Report
from ssc_ros.evaluation.results import new_result_folder, provenance, sha256
from ssc_ros.evaluation.session import EvaluationSession, Sample


class Fixed:
    """Predicts the same every time."""

    def __init__(self, prediction: SemanticGrid) -> None:
        self.prediction = prediction

    def complete(self, frame: Frame) -> SemanticGrid:
        return self.prediction


def evaluate(
    folder: Path, frame: Frame, prediction: SemanticGrid, truth: np.ndarray, pictures: int = 0
) -> tuple[EvaluationSession, Report, str]:
    console = Console(file=io.StringIO(), width=120)
    session = EvaluationSession(
        "toy on 08",
        folder,
        prediction.grid,
        SEMANTIC_KITTI,
        frames=3,
        pictures=pictures,
        config={"seed": 1},
        console=console,
    )
    kept: list[str] = []
    samples = [Sample("08", f"{i:06d}", frame, truth) for i in range(3)]
    session.run(Fixed(prediction), samples, lambda sample, _: kept.append(sample.frame_id))
    assert kept == ["000000", "000001", "000002"]
    report = session.finish()
    assert isinstance(console.file, io.StringIO)
    return session, report, console.file.getvalue()


def test_table_page_and_numbers_agree(
    tmp_path: Path, frame: Frame, prediction: SemanticGrid, truth: np.ndarray
) -> None:
    session, report, terminal = evaluate(tmp_path, frame, prediction, truth)
    known = truth != 255
    ground = (truth == 9) | (truth == 17)
    car = truth == 1
    assert report.official.iou == pytest.approx((ground & known).sum() / ((ground | car) & known).sum())
    assert report.official.miou == pytest.approx(2 / 19)  # road and terrain are right, all else is 0
    percent = f"{100 * report.official.iou:.2f}"
    page = (session.folder / "report.md").read_text()
    metrics = json.loads((session.folder / "metrics.json").read_text())
    assert percent in terminal
    assert percent in page
    assert metrics["iou"] == report.official.iou
    assert metrics["frames"] == 3
    assert metrics["config"] == {"seed": 1}
    assert metrics["regions"]["25.6 m"]["per_class"]["road"] == 1
    assert metrics["regions"]["25.6 m"]["truth"]["car"] == 3 * car.sum()
    assert set(metrics["provenance"]) >= {"commit", "date", "version"}
    assert "| car | 0.00 |" in page
    assert "| truck | - |" in page
    assert report.official.miou_occurring == pytest.approx(2 / 3)  # road, terrain and car are there
    assert metrics["regions"]["25.6 m"]["miou_occurring"] == report.official.miou_occurring
    assert "| mIoU, classes that occur | 66.67 | 66.67 | " in page
    assert "mIoU, classes that occur" in terminal


def test_obstacles_are_in_table_page_and_numbers(
    tmp_path: Path, frame: Frame, prediction: SemanticGrid, truth: np.ndarray
) -> None:
    """The car, 15 columns, is missed; a phantom stands on one column of road of the 785 without it."""
    prediction.labels[3, 16, 2] = 1
    session, report, terminal = evaluate(tmp_path, frame, prediction, truth)
    metrics = json.loads((session.folder / "metrics.json").read_text())
    ground = 25 * 32 - 15
    within = metrics["obstacles"]["25.6 m"]
    assert within == {
        "found": 0,
        "false": pytest.approx(1 / ground),
        "obstacle_columns": 3 * 15,
        "ground_columns": 3 * ground,
    }
    assert list(report.obstacles) == ["12.8 m", "25.6 m", "12.8 m in view", "25.6 m in view"]
    row = f"| 25.6 m | 0.00 | {100 / ground:.2f} |"
    assert row in (session.folder / "report.md").read_text()
    assert "obstacles within" in terminal
    assert f"{100 / ground:.2f}" in terminal


def test_fractions_of_no_columns_are_left_open(
    tmp_path: Path, frame: Frame, prediction: SemanticGrid, truth: np.ndarray
) -> None:
    truth[truth == 1] = 0
    session, _, _ = evaluate(tmp_path, frame, prediction, truth)
    assert "| 12.8 m | - | 0.00 |" in (session.folder / "report.md").read_text()


def test_two_runs_give_equal_scores_and_pictures(
    tmp_path: Path, frame: Frame, prediction: SemanticGrid, truth: np.ndarray
) -> None:
    first, report, _ = evaluate(tmp_path, frame, prediction, truth, pictures=2)
    second, again, _ = evaluate(tmp_path, frame, prediction, truth, pictures=2)
    assert report.scores == again.scores
    assert report.pictures == ("08_000000.png", "08_000002.png")
    for name in report.pictures:
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
        image = cv2.imread(str(first.folder / name))
        assert image is not None
        assert min(image.shape[:2]) > 1000
        assert f"![{name}]({name})" in (first.folder / "report.md").read_text()
    assert first.folder != second.folder
    assert (tmp_path / "latest").resolve() == second.folder.resolve()


def test_predictions_of_other_classes_are_refused(
    tmp_path: Path, grid: SceneGrid, frame: Frame, prediction: SemanticGrid, truth: np.ndarray
) -> None:
    session = EvaluationSession("toy", tmp_path, grid, SSCBENCH_KITTI_360, frames=1)
    with pytest.raises(SscError, match="classes of 'semantic_kitti', the truth those of 'sscbench_kitti_360'"):
        session.add(Sample("08", "000000", frame, truth), prediction)


def test_an_evaluation_of_nothing_is_an_error(tmp_path: Path, grid: SceneGrid) -> None:
    with pytest.raises(SscError, match="no frame was evaluated"):
        EvaluationSession("toy", tmp_path, grid, SEMANTIC_KITTI, frames=0).finish()


def test_a_result_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SscError, match="cannot write results"):
        new_result_folder(tmp_path / "file" / "results", "toy")


def test_provenance_and_hashes_are_true(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"abc")
    assert sha256(tmp_path / "weights") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    commit = provenance()["commit"]
    assert commit is None or len(commit.rstrip("+")) == 40
