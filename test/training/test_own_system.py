"""The system of docs/tutorials/add_a_system.md trains, deploys and runs as one of ours does."""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tiny_street
from test_train import arguments

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.inference.checkpoint import read_metadata
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.systems import SYSTEMS
from ssc_ros.training.command import train
from ssc_ros.training.scenes import open_sequences

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
FILE = EXAMPLES / "line_of_sight.py"
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    module = importlib.import_module("line_of_sight")
    spec = replace(tiny_street.SPEC, pair=("stereo_voxels",))
    presets = module.PRESETS | {"tiny": partial(module.small, spec, channels=16)}
    monkeypatch.setitem(SYSTEMS, "line_of_sight", presets)
    return module


def test_a_system_takes_less_than_150_lines() -> None:
    assert len(FILE.read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.slow
def test_it_learns_a_frame_by_heart_and_is_deployed(example: ModuleType, street: Path, tmp_path: Path) -> None:
    deployed = tmp_path / "models" / "own.safetensors"
    flags = {
        "model__system": "line_of_sight",
        "model__learning_rate": 0.01,
        "data__train": ["01"],
        "data__augmentation__flip": 0.0,
        "data__augmentation__color": 0.0,
        "trainer__max_epochs": 150,
        "trainer__check_val_every_n_epoch": 150,
        "trainer__enable_progress_bar": False,
    }
    assert train(arguments(street, tmp_path / "run", deploy=deployed, **flags)) == 0
    metadata = read_metadata(deployed)
    assert (metadata.system, metadata.preset, metadata.inputs) == ("line_of_sight", "tiny", ("stereo",))

    (sequence,) = open_sequences([street], ["01"], metadata.grid, metadata.label_set)
    frame, truth = sequence.frame("000000"), sequence.target("000000")
    scores = []
    for backend in ("torch", "openvino"):
        confusion = Confusion(len(SEMANTIC_KITTI))
        confusion.add(
            SceneCompleter.from_checkpoint(deployed, device="cpu", backend=backend).complete(frame).labels, truth
        )
        scores.append(confusion.scores())
    assert scores[0].iou > 0.9
    assert scores[0].per_class[9] > 0.9  # road
    assert scores[1].iou == pytest.approx(scores[0].iou, abs=0.01)


def test_its_preset_has_the_size_of_semantic_kitti(example: ModuleType) -> None:
    network = example.edge()
    assert network.spec.grid.shape == (256, 256, 32)
    assert sum(weight.numel() for weight in network.parameters()) < 200_000
    assert np.isfinite([weight.detach().abs().max() for weight in network.parameters()]).all()
