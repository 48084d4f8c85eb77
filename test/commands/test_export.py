"""`ssc-ros export` scores as `ssc-ros evaluate` does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ssc_ros.cli import main


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
    assert main(["export", "--backend", "openvino-int8"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
