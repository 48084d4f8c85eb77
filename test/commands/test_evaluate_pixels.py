"""`ssc-ros evaluate --task pixels` against the same scores by plain loops over the files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from ssc_ros.cli import main
from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.evaluation.camera_points import seen_points
from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
from ssc_ros.systems import build

from ..data.kitti_tree import CALIBRATION, IMAGE_SIZE

LEAST = 40
"""Points of a class that is counted, instead of 200: the noise has few points that nothing hides."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = build("segmenter", "edge")
    file = tmp_path_factory.mktemp("c") / "t.safetensors"
    spec = network.spec
    save_checkpoint(
        file, network, CheckpointMetadata("t", "segmenter", "edge", "semantic_kitti", spec.grid, ("stereo",))
    )
    return file


def command(kitti_tree: Path, checkpoint: Path, results: Path) -> list[str]:
    what = ["--data", str(kitti_tree), "--sequence", "08", "--checkpoint", str(checkpoint), "--device", "cpu"]
    return ["evaluate", "--task", "pixels", *what, "--frames", "0:3", "--results", str(results)]


def projections() -> tuple[np.ndarray, np.ndarray]:
    """P2 and Tr, as the calibration file has them."""
    rows = {line.split(":")[0]: np.array(line.split(":")[1].split(), float) for line in CALIBRATION.splitlines()}
    return rows["P2"].reshape(3, 4), np.vstack([rows["Tr"].reshape(3, 4), [0, 0, 0, 1]])


def counted(folder: Path, checkpoint: Path, reach: float) -> np.ndarray:
    """Predictions by truth, of the points up to a distance."""
    from safetensors.torch import load_file

    network = build("segmenter", "edge")
    network.load_state_dict(load_file(checkpoint))
    network.eval()
    counts = np.zeros((20, 20), int)
    P, T = projections()
    height, width = IMAGE_SIZE
    for i in range(3):
        image = cv2.imread(str(folder / "image_2" / f"{i:06d}.png"))[..., ::-1]
        small = cv2.resize(image, (640, 192), interpolation=cv2.INTER_LINEAR)
        with torch.no_grad():
            logits = network({"image": torch.from_numpy(small.transpose(2, 0, 1).copy())[None]}).image
        # every pixel of the image, a hundred times finer than needed, then looked up
        fine = functional.interpolate(logits, size=(10 * height, 10 * width), mode="bilinear", align_corners=False)[0]
        points = np.fromfile(folder / "velodyne" / f"{i:06d}.bin", np.float32).reshape(-1, 4)[:, :3]
        raw = np.fromfile(folder / "labels" / f"{i:06d}.label", np.uint32) & 0xFFFF
        camera = np.column_stack([points, np.ones(len(points))]) @ (P @ T).T
        ahead = camera[:, 2] - P[2, 3]
        pixels = np.where(camera[:, 2:] > 0, camera[:, :2] / camera[:, 2:], np.nan)
        seen = seen_points(pixels, ahead, IMAGE_SIZE)
        for k in np.flatnonzero(seen & (np.linalg.norm(points, axis=1) <= reach)):
            truth = SEMANTIC_KITTI.train_ids[int(raw[k])]
            u, v = ((pixels[k] + 0.5) * 10).astype(int)
            said = fine[1:, min(max(v, 0), 10 * height - 1), min(max(u, 0), 10 * width - 1)].argmax() + 1
            counts[said, truth] += truth > 0
    return counts


def test_scores_are_those_of_loops_over_the_files(
    kitti_tree: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ssc_ros.evaluation.pixel_session.MINIMUM", LEAST)
    assert main(command(kitti_tree, checkpoint, tmp_path)) == 0
    assert "t on 08" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "latest" / "metrics.json").read_text())
    assert list(metrics["regions"]) == ["12.8 m", "25.6 m", "51.2 m", "all"]
    for region, reach in (("25.6 m", 25.6), ("all", 1e9)):
        counts = counted(kitti_tree / "sequences" / "08", checkpoint, reach)
        scores = metrics["regions"][region]
        truth = counts.sum(axis=0)
        assert list(scores["truth"].values())[1:] == truth[1:].tolist()
        hits = np.diag(counts)
        assert scores["accuracy"] == pytest.approx(hits.sum() / counts.sum(), abs=0.01)
        iou = hits / np.maximum(1, counts.sum(axis=0) + counts.sum(axis=1) - hits)
        often = truth >= LEAST
        assert often.sum() >= 2
        assert scores["miou"] == pytest.approx(iou[often].mean(), abs=0.01)
        occurring = iou[1:][truth[1:] > 0]
        assert scores["miou_occurring"] == pytest.approx(occurring.mean(), abs=0.01)
    page = (tmp_path / "latest" / "report.md").read_text()
    assert "|  | 12.8 m | 25.6 m | 51.2 m | all |" in page
    assert "| person | - | - | - | - |" in page


def test_a_checkpoint_that_completes_scenes_is_refused(
    kitti_tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    network = build("l2cocc_lidar", "edge")
    file = tmp_path / "l.safetensors"
    metadata = CheckpointMetadata("l", "l2cocc_lidar", "edge", "semantic_kitti", network.spec.grid, ("lidar",))
    save_checkpoint(file, network, metadata)
    assert main(command(kitti_tree, file, tmp_path)) == 1
    assert "gives no classes to pixels; take one of segmenter" in capsys.readouterr().err


def test_a_checkpoint_has_to_be_named(kitti_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--task", "pixels", "--data", str(kitti_tree), "--sequence", "08"]) == 1
    assert "--checkpoint models/segmenter.safetensors" in capsys.readouterr().err
