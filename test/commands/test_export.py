"""`ssc-ros export` scores as `ssc-ros evaluate` does."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ssc_ros.cli import main
from ssc_ros.core.resources import shipped_checkpoint
from ssc_ros.inference.checkpoint import load_checkpoint, save_checkpoint


def test_the_score_of_an_export_is_that_of_evaluate(
    kitti_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(kitti_root), "--sequence", "08"]
    assert main(["export", "--backend", "torch", *data, "--frames", "1"]) == 0
    said = capsys.readouterr().out
    before, after = map(float, re.findall(r"([\d.]+) by torch", said))
    assert main(["evaluate", *data, "--frames", "0:5", "--pictures", "0", "--results", str(tmp_path)]) == 0
    expected = 100 * json.loads((tmp_path / "latest" / "metrics.json").read_text())["miou"]
    assert expected > 0
    assert before == after == pytest.approx(expected, abs=0.005)


def test_int8_without_frames_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--backend", "openvino-int8", "--calibrate-on", "00"]) == 1
    assert capsys.readouterr().err == "ssc-ros export: int8 is calibrated on frames: name a data set, --data DIR\n"


def test_a_quantised_checkpoint_says_what_its_convolutions_read(
    kitti_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    mine = tmp_path / "mine.safetensors"
    network, metadata = load_checkpoint(shipped_checkpoint())
    save_checkpoint(mine, network, replace(metadata, activation_ranges={}))
    before = mine.read_bytes()
    command = ["export", str(mine), "--backend", "openvino-int8", "--data", str(kitti_root), "--frames", "1"]
    assert main([*command, "--allow-loss", "-100"]) == 1
    assert "refused: it loses" in capsys.readouterr().out
    assert mine.read_bytes() == before
    assert main([*command, "--allow-loss", "1"]) == 0
    same = float(re.findall(r"([\d.]+)% of the labels are equal", capsys.readouterr().out)[0])
    assert 99 < same < 100
    quantised, metadata = load_checkpoint(mine)
    least, largest = metadata.activation_ranges["image.depth.prior.0"]  # a depth interpolated between two bins
    assert least == 0
    assert largest == pytest.approx(1, abs=0.01)
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, quantised.state_dict()[name])


def test_a_copy_is_written_for_eight_bits_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--backend", "torch", "--out", str(tmp_path / "copy.safetensors")]) == 1
    assert "--out is for eight bits" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
