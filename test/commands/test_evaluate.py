"""`ssc-ros evaluate`: what it prints, writes and refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from ssc_ros.cli import main
from ssc_ros.core import SEMANTIC_KITTI_GRID, STEREO, UNKNOWN, Frame, SemanticGrid
from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.networks.heads.upsampled import UpsampledLogits
from ssc_ros.systems import SYSTEMS, InputSpec, SceneInputs, SceneNetwork, SceneOutput, build
from ssc_ros.systems.spec import History

from ..inference import tiny_temporal


def test_a_baseline_is_scored_drawn_and_saved(
    kitti_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--baseline", "stereo", "--frames", "0:5", "--pictures", "1"]
    paths = ["--results", str(tmp_path / "results"), "--save-predictions", str(tmp_path / "out")]
    assert main(["evaluate", "--data", str(kitti_root), "--sequence", "08", *options, *paths]) == 0
    assert "stereo baseline on 08" in capsys.readouterr().out
    folder = tmp_path / "results" / "latest"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["frames"] == 1
    assert 0 < metrics["iou"] < 1
    assert metrics["regions"]["51.2 m"]["miou"] < metrics["regions"]["51.2 m"]["miou_occurring"] < 1
    assert set(metrics["obstacles"]) == {"12.8 m", "25.6 m", "12.8 m in view", "25.6 m in view"}
    assert all(0 < region["found"] < 1 and 0 < region["false"] < 1 for region in metrics["obstacles"].values())
    assert {file.name for file in folder.iterdir()} == {"report.md", "metrics.json", "08_000000.png"}
    saved = np.fromfile(tmp_path / "out" / "sequences" / "08" / "predictions" / "000000.label", "<u2")
    assert saved.size == 256 * 256 * 32
    assert set(np.unique(saved).tolist()) == {0, 40, 70}


def test_a_drive_is_fused_and_scored_beside_its_single_grids(
    kitti_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--baseline", "stereo", "--frames", "0:6", "--pictures", "0", "--fuse", "--results", str(tmp_path)]
    assert main(["evaluate", "--data", str(kitti_root), "--sequence", "08", *options]) == 0
    printed = capsys.readouterr().out
    assert "single grids" in printed
    assert "cleared" not in printed
    single, fused = (json.loads(path.read_text()) for path in sorted(tmp_path.glob("2*/metrics.json")))
    assert [metrics["config"]["fused"] for metrics in (single, fused)] == [False, True]
    assert single["frames"] == fused["frames"] == 2
    assert fused["obstacles"]["12.8 m"]["found"] > single["obstacles"]["12.8 m"]["found"] > 0


def test_the_prior_needs_training_sequences(
    kitti_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["evaluate", "--data", str(kitti_root), "--sequence", "08", "--pictures", "0", "--baseline", "prior"]
    results = ["--results", str(tmp_path)]
    assert main([*common, *results, "--frames", "0:5", "--train-sequences", "00"]) == 0
    assert main([*common, *results, "--train-sequences", "55"]) == 1
    assert "sequences/55/" in capsys.readouterr().err


def test_frames_without_truth_are_an_error(kitti_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "--data", str(kitti_root), "--sequence", "08", "--frames", "1:4", "--baseline", "stereo"]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert "no ground truth in the frames asked for" in error
    assert error.count("\n") == 1


def test_a_sequence_without_truth_is_predicted_as_the_server_wants_it(
    kitti_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = tmp_path / "kitti" / "sequences" / "11"
    hidden.mkdir(parents=True)
    for name in ("image_2", "image_3", "calib.txt", "poses.txt", "times.txt"):
        (hidden / name).symlink_to(kitti_root / "sequences" / "08" / name)
    command = ["evaluate", "--data", str(tmp_path / "kitti"), "--sequence", "11", "--baseline", "stereo"]
    assert main([*command, "--save-predictions", str(tmp_path / "out")]) == 0
    assert "no scores: 2 predictions" in capsys.readouterr().out
    saved = sorted((tmp_path / "out").rglob("*.label"))
    assert [path.name for path in saved] == ["000000.label", "000005.label"]
    assert all(path.stat().st_size == 2 * 256 * 256 * 32 for path in saved)


@pytest.fixture
def temporal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkpoint of a system that reads the frame of half a second before."""
    spec = replace(tiny_temporal.SPEC, grid=SEMANTIC_KITTI_GRID, history=History(count=1))
    monkeypatch.setitem(SYSTEMS, "mean", {"tiny": lambda: tiny_temporal.network(spec=spec)})
    path = tmp_path / "mean.safetensors"
    metadata = CheckpointMetadata("mean", "mean", "tiny", "semantic_kitti", spec.grid, spec.sensors)
    save_checkpoint(path, tiny_temporal.network(spec=spec), metadata)
    return path


def test_a_network_is_shown_its_past_whatever_is_scored(
    kitti_tree: Path, tmp_path: Path, temporal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frame 5 is predicted alike whether or not frame 0 is scored too; two drives share nothing."""
    shutil.copytree(kitti_tree / "sequences" / "08", kitti_tree / "sequences" / "09")
    found: list[tuple[int, bytes]] = []
    complete = SceneCompleter.complete

    def watched(self: SceneCompleter, frame: Frame, *, confidence: bool = True) -> SemanticGrid:
        grid = complete(self, frame, confidence=confidence)
        if grid.confidence is not None:  # one of two warming up has none
            found.append((self.past_frames, grid.confidence.tobytes()))
        return grid

    monkeypatch.setattr(SceneCompleter, "complete", watched)
    command = ["evaluate", "--data", str(kitti_tree), "--pictures", "0", "--results", str(tmp_path / "results")]
    command += ["--checkpoint", str(temporal), "--device", "cpu"]
    assert main([*command, "--sequence", "08", "09"]) == 0
    assert main([*command, "--sequence", "08", "--frames", "5:6"]) == 0
    warm, *both = found[:5]
    assert [past for past, _ in both] == [0, 1, 0, 1]
    assert both[:2] == both[2:]
    assert found[5:] == [warm, both[1]]


def untrained(folder: Path, system: str) -> Path:
    network = build(system, "edge")
    with torch.no_grad():  # an untrained head says the commonest class everywhere; this one goes by what it sees
        network.head.logits.weight.mul_(1000)
    spec = network.spec
    metadata = CheckpointMetadata("untrained", system, "edge", "semantic_kitti", spec.grid, spec.sensors)
    save_checkpoint(folder / f"{system}.safetensors", network, metadata)
    return folder / f"{system}.safetensors"


@pytest.mark.parametrize("system", ["l2cocc", "l2cocc_lidar"])
def test_a_checkpoint_gets_the_sensors_that_it_reads_and_misses_no_other(
    kitti_tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], system: str
) -> None:
    sensor = {"l2cocc": "stereo", "l2cocc_lidar": "lidar"}[system]
    command = ["evaluate", "--data", str(kitti_tree), "--sequence", "08", "--frames", "0:1", "--pictures", "0"]
    command += ["--checkpoint", str(untrained(tmp_path, system)), "--results", str(tmp_path / "results")]
    assert main(command) == 0
    metrics = json.loads((tmp_path / "results" / "latest" / "metrics.json").read_text())
    assert metrics["config"]["sensors"] == [sensor]
    assert metrics["iou"] > 0
    shutil.rmtree(kitti_tree / "sequences" / "08" / "velodyne")
    capsys.readouterr()
    if sensor == "stereo":
        assert main(command) == 0
        again = json.loads((tmp_path / "results" / "latest" / "metrics.json").read_text())
        assert again["regions"] == metrics["regions"]
    else:
        assert main(command) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("ssc-ros evaluate: the network reads LiDAR, but the frame has no points")


class Painter(SceneNetwork):
    """Paints the whole grid in the class of the image's first cell; where nobody tells that, in the first class."""

    def __init__(self) -> None:
        super().__init__(InputSpec(pair=("stereo_sightings",)), 20)
        self.first = nn.Parameter(torch.tensor([1]), requires_grad=False)

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        told = inputs.get("image_classes", torch.tensor([[[UNKNOWN]]]))[0, 0, 0].long()
        logits = torch.zeros(1, 20, *self.spec.grid.coarsened(2).shape)
        logits[:, told if told < 20 else self.first] = 1
        return SceneOutput(UpsampledLogits(logits))


def test_class_maps_take_the_place_of_the_segmenter(
    kitti_tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whichever label map the ids say building; a missing map is named."""
    monkeypatch.setitem(SYSTEMS, "painter", {"tiny": Painter})
    checkpoint, maps = tmp_path / "painter.safetensors", tmp_path / "maps" / "sequences" / "08" / "semantic_2"
    metadata = CheckpointMetadata("painter", "painter", "tiny", "semantic_kitti", SEMANTIC_KITTI_GRID, (STEREO,))
    save_checkpoint(checkpoint, Painter(), metadata)
    maps.mkdir(parents=True)
    command = ["evaluate", "--data", str(kitti_tree), "--sequence", "08", "--frames", "0:1", "--pictures", "0"]
    command += ["--results", str(tmp_path / "results"), "--device", "cpu"]
    painter = [*command, "--checkpoint", str(checkpoint)]
    with_maps = ["--semantics", str(tmp_path / "maps"), "--label-map"]

    def predicted(*options: str) -> list[int]:
        """Raw ids of the prediction."""
        assert main([*painter, "--save-predictions", str(tmp_path / "out"), *options]) == 0
        return np.unique(np.fromfile(next((tmp_path / "out").rglob("000000.label")), "<u2")).tolist()

    assert predicted() == [10]
    for label_map, building in (("cityscapes", 2), ("ade20k", 1), ("semantic_kitti", 50)):
        cv2.imwrite(str(maps / "000000.png"), np.full((5, 9), building, np.uint8))
        assert predicted(*with_maps, label_map) == [50]
    metrics = json.loads((tmp_path / "results" / "latest" / "metrics.json").read_text())
    assert metrics["config"]["label_map"] == "semantic_kitti"

    def refused(*options: str) -> str:
        capsys.readouterr()
        assert main([*options]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        return line

    (maps / "000000.png").unlink()
    assert str(maps / "000000.png") in refused(*painter, *with_maps, "cityscapes")
    assert "name their label map" in refused(*painter, *with_maps[:2])
    assert "baseline reads no class maps" in refused(*command, "--baseline", "stereo", *with_maps[:2])


def test_a_network_that_has_no_use_for_class_maps_is_not_shown_any(
    kitti_tree: Path, tmp_path: Path, temporal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--data", str(kitti_tree), "--sequence", "08", "--checkpoint", str(temporal)]
    assert main([*command, "--semantics", str(tmp_path), "--label-map", "cityscapes"]) == 1
    assert "class maps change nothing" in capsys.readouterr().err
