"""`ssc-ros evaluate --task segmentation`: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ssc_ros.cli import main
from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
from ssc_ros.inference.segmenter import PointSegmenter
from ssc_ros.systems import SYSTEMS

from ..training import tiny_polar

CAR, ROAD, OTHER_OBJECT = 10, 40, 99


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(SYSTEMS["polarnet"], "tiny", tiny_polar.polarnet)
    torch.manual_seed(0)
    network = tiny_polar.polarnet()
    spec = network.spec
    metadata = CheckpointMetadata("t", "polarnet", "tiny", "semantic_kitti", spec.grid, spec.sensors, polar=spec.polar)
    save_checkpoint(tmp_path / "t.safetensors", network, metadata)
    return tmp_path / "t.safetensors"


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """Three sweeps of sequence 08, without images; the last has no labels. A label has its instance above it."""
    random = np.random.default_rng(0)
    path = tmp_path / "data" / "sequences" / "08"
    for folder in ("velodyne", "labels"):
        (path / folder).mkdir(parents=True)
    for i in range(3):
        points = random.uniform((-12, -12, -2, 0), (12, 12, 1, 1), (300 + i, 4)).astype(np.float32)
        points.tofile(path / "velodyne" / f"{i:06d}.bin")
        if i < 2:
            labels = random.choice([CAR, ROAD, OTHER_OBJECT, 0], len(points)).astype(np.uint32) | (7 << 16)
            labels.tofile(path / "labels" / f"{i:06d}.label")
    return tmp_path / "data"


def command(drive: Path, checkpoint: Path, results: Path, *more: str) -> list[str]:
    what = ["--data", str(drive), "--sequence", "08", "--checkpoint", str(checkpoint), "--device", "cpu"]
    return ["evaluate", "--task", "segmentation", *what, "--results", str(results), *more]


def test_scores_are_those_of_what_is_saved(
    drive: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted again from the saved files as the official script does: raw ids, the upper half dropped, mapped."""
    assert main(command(drive, checkpoint, tmp_path / "r", "--save-predictions", str(tmp_path / "out"))) == 0
    assert "t on 08" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "r" / "latest" / "metrics.json").read_text())
    assert metrics["sweeps"] == 2
    truth, said = [], []
    for i in range(2):
        saved = tmp_path / "out" / "sequences" / "08" / "predictions" / f"{i:06d}.label"
        said.append(np.fromfile(saved, np.uint32))
        truth.append(np.fromfile(drive / "sequences" / "08" / "labels" / f"{i:06d}.label", np.uint32) & 0xFFFF)
    truth, said = np.concatenate(truth), np.concatenate(said)
    for raw, name in ((CAR, "car"), (ROAD, "road")):
        known = (truth != 0) & (truth != OTHER_OBJECT)
        union = (((truth == raw) | (said == raw)) & known).sum()
        expected = ((truth == raw) & (said == raw)).sum() / union
        assert metrics["per_class"][name] == pytest.approx(expected)
    right = (truth == said)[(truth == CAR) | (truth == ROAD)].mean()
    assert metrics["accuracy"] == pytest.approx(right)
    page = (tmp_path / "r" / "latest" / "report.md").read_text()
    assert f"| accuracy | {100 * right:.2f} |" in page
    assert "| person | - |" in page


def test_without_labels_it_predicts_and_scores_nothing(
    drive: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = command(drive, checkpoint, tmp_path / "r", "--frames", "2:3")
    assert main(last) == 1
    assert "--save-predictions OUT" in capsys.readouterr().err
    assert main([*last, "--save-predictions", str(tmp_path / "out"), "--votes", "4"]) == 0
    assert "no labels, so no scores" in capsys.readouterr().out
    saved = np.fromfile(tmp_path / "out" / "sequences" / "08" / "predictions" / "000002.label", np.uint32)
    points = np.fromfile(drive / "sequences" / "08" / "velodyne" / "000002.bin", np.float32).reshape(-1, 4)
    labels = PointSegmenter.from_checkpoint(checkpoint, device="cpu").segment(points, votes=4).labels
    np.testing.assert_array_equal(saved, SEMANTIC_KITTI.raw_from_train(labels))
    assert not (tmp_path / "r").exists()


def test_a_checkpoint_has_to_be_named(drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--task", "segmentation", "--data", str(drive), "--sequence", "08"]) == 1
    assert "--checkpoint" in capsys.readouterr().err
