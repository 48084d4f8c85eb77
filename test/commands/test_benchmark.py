"""`ssc-ros benchmark`, of a network that takes no time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from ssc_ros import cli
from ssc_ros.profiling import machine
from ssc_ros.profiling.report import Result
from ssc_ros.systems import SYSTEMS

from ..inference import tiny_temporal


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, kitti_tree: Path) -> None:
    monkeypatch.setitem(SYSTEMS, "mean", {"tiny": tiny_temporal.network})
    monkeypatch.setenv("SSC_KITTI_ROOT", str(kitti_tree))
    monkeypatch.setenv("COLUMNS", "160")


def test_two_settings_are_compared_and_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    how = ["--rounds", "4", "--warm-up", "1", "--threads", "1", "--json", str(file)]
    assert cli.main(["benchmark", "mean", "tiny", *how, "--compare", "backend=torch", "backend=torch-bf16"]) == 0
    shown = capsys.readouterr().out
    for fact in (
        "mean/tiny, torch, 1 thread",
        "mean/tiny, torch-bf16, 1 thread",
        "encoder",
        "tree, 08/000000",
        "GFLOPs",
    ):
        assert fact in shown
    found = Result.from_json(file.read_text())
    assert [m.setting.backend for m in found.measurements] == ["torch", "torch-bf16"]
    for measurement in found.measurements:
        assert all(timing.wall.count == 4 for timing in measurement.stages.values())
        assert measurement.roofline.bytes > 0
    assert found.ratios["whole"].wall.median > 0
    assert found.memory["peak"] >= found.memory["after the warm-up"]
    assert "GPU" not in shown


def test_what_all_gpus_were_asked_for_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus = SimpleNamespace(
        is_initialized=lambda: True, device_count=lambda: 2, max_memory_reserved=(7e6, 5e6).__getitem__
    )
    monkeypatch.setattr(machine, "torch", SimpleNamespace(cuda=gpus))
    assert cli.main(["benchmark", "mean", "tiny", "--rounds", "1", "--warm-up", "1"]) == 0
    assert "12 MB peak on the GPU" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.safetensors"], "checkpoint 'none.safetensors' does not exist"),
        (["--checkpoint", "none.safetensors"], "checkpoint 'none.safetensors' does not exist"),
        (["mean", "tiny", "--checkpoint", "none.safetensors"], "are two networks"),
        (["l2coc", "edge"], "system 'l2coc' does not exist"),
        (["mean", "huge"], "no preset 'huge'"),
        (["l2cocc_image", "edge"], "predicts no scene"),
        (["mean", "tiny", "--backend", "abacus"], "choose from auto, torch, torch-bf16"),
        (["mean", "tiny", "--compare", "threads=1", "colour=2"], "'colour=2' is not a setting"),
        (["mean", "tiny", "--data", "/nowhere"], "the data set /nowhere does not exist"),
        (["mean", "tiny", "--sequence", "07"], "07"),
        (["a", "b", "c"], "not a system and a preset"),
        (["ros", "edge"], "name the node's network with --checkpoint"),
        (["ros", "--compare", "threads=1", "threads=2"], "without --compare"),
        (["ros", "--checkpoint", "a.safetensors", "--work-ms", "5"], "choose one"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert cli.main(["benchmark", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
