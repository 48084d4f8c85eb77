"""`ssc-ros info`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ssc_ros import cli
from ssc_ros.core import SEMANTIC_KITTI_GRID
from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
from ssc_ros.systems import SYSTEMS, InputSpec, SceneNetwork, build
from ssc_ros.systems.spec import History

METADATA = CheckpointMetadata(
    model_id="made_up",
    system="l2cocc_lidar",
    preset="edge",
    label_set_name="semantic_kitti",
    grid=SEMANTIC_KITTI_GRID,
    inputs=("lidar",),
    provenance={"command": "--data.root [a,b]"},
    metrics={"class/car": 0.125, "miou": 0.25},
    licence="CC0-1.0",
    activation_ranges={"head.body": (-0.5, 2.25)},
)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_without_arguments_every_preset_has_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    assert cli.main(["info", "--json", str(tmp_path / "all.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    for system, presets in SYSTEMS.items():
        for preset in presets:
            assert sum(f" {system} " in line and f" {preset} " in line for line in lines) == 1
    content = json.loads((tmp_path / "all.json").read_text())
    assert len(content) == sum(map(len, SYSTEMS.values()))


def test_a_preset_may_be_spelled_as_in_its_paper(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    assert cli.main(["info", "sgn", "full-l", "--depth", "0"]) == 0
    out = capsys.readouterr().out
    assert "sgn full_l" in out
    assert "12,499,203" in out


def test_a_library_that_is_missing_costs_its_lines_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert cli.main(["info", "l2cocc"]) == 0
    out = capsys.readouterr().out
    assert "pip install 'ssc_ros[full]'" in out
    assert " edge " in out


def test_a_preset_is_shown_with_as_many_levels_as_asked_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "info.json"
    assert cli.main(["info", "l2cocc_lidar", "edge", "--depth", "1", "--json", str(file)]) == 0
    out = capsys.readouterr().out
    with torch.device("meta"):
        network = build("l2cocc_lidar", "edge")
    assert f"{sum(p.numel() for p in network.parameters()):,}" in out
    shown = [line.split()[1] for line in out.splitlines() if line.startswith("│")]
    assert shown == [*(name for name, _ in network.named_children()), "total"]
    content = json.loads(file.read_text())
    assert [m["name"] for m in content["modules"]] == [name for name, _ in network.named_modules()]


def test_a_network_with_a_history_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = InputSpec(history=History(count=3, interval=0.4))
    monkeypatch.setitem(SYSTEMS, "memory", {"tiny": lambda: SceneNetwork(spec, 20)})
    assert cli.main(["info", "memory"]) == 0
    path = tmp_path / "made_up.safetensors"
    save_checkpoint(path, torch.nn.Linear(1, 1), replace(METADATA, system="memory", preset="tiny", inputs=("stereo",)))
    assert cli.main(["info", str(path)]) == 0
    assert capsys.readouterr().out.count("stereo, 3 past frames 0.4 s apart") == 2


def test_a_checkpoint_tells_what_it_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "made_up.safetensors"
    save_checkpoint(path, torch.nn.Linear(1000, 1000), METADATA)
    assert cli.main(["info", str(path), "--json", str(tmp_path / "info.json")]) == 0
    out = capsys.readouterr().out
    for fact in (
        "made_up",
        "l2cocc_lidar edge",
        "lidar",
        "256 x 256 x 32",
        "semantic_kitti, 20",
        "CC0-1.0",
        "4.0 MB",
        "[a,b]",
    ):
        assert fact in out
    assert out.index("0.2500") < out.index("0.1250"), "scores of classes come after the others"
    content = json.loads((tmp_path / "info.json").read_text())
    assert content["provenance"] == METADATA.provenance
    assert content["bytes"] == path.stat().st_size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["l2coc"], "l2cocc_lidar"),
        (["l2cocc", "huge"], "full_kitti_360"),
        (["l2cocc", "edge", "full"], "not a system and a preset"),
    ],
)
def test_what_does_not_exist_is_answered_with_what_does(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert cli.main(["info", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_truncated_file_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    save_checkpoint(path, torch.nn.Linear(10, 10), METADATA)
    path.write_bytes(path.read_bytes()[:-7])
    assert cli.main(["info", str(path)]) == 1
    assert "cut short" in capsys.readouterr().err
