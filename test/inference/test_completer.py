"""A checkpoint opens with nothing beside it, refuses what is not one, and reads the sensors that it was made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from ssc_ros.core import SEMANTIC_KITTI_GRID, Frame, SceneGrid, SscError, StereoRig, poses
from ssc_ros.inference.checkpoint import CheckpointMetadata, load_checkpoint, read_metadata, save_checkpoint
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.systems import build

OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0, 0, -1, 0, -0.1]))


def metadata(**changes: Any) -> CheckpointMetadata:
    fields = {
        "model_id": "untrained",
        "system": "l2cocc",
        "preset": "edge",
        "label_set_name": "semantic_kitti",
        "grid": SEMANTIC_KITTI_GRID,
        "inputs": ("stereo",),
        "provenance": {"seed": "0"},
        "metrics": {"miou": 0.125},
    }
    return CheckpointMetadata(**(fields | changes))


def save(path: Path, system: str, **changes: Any) -> Path:
    torch.manual_seed(0)
    network = build(system, "edge")
    if hasattr(network, "head"):
        with torch.no_grad():  # an untrained head says the commonest class everywhere; this one goes by what it sees
            network.head.logits.weight.mul_(1000)
    save_checkpoint(path, network, metadata(system=system, inputs=network.spec.sensors, **changes))
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "untrained.safetensors", "l2cocc")


@pytest.fixture(scope="module")
def lidar_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "lidar.safetensors", "l2cocc_lidar")


def frame(points: NDArray[np.float32] | None = None) -> Frame:
    image = np.random.default_rng(0).integers(0, 256, (96, 320, 3), np.uint8)
    rig = StereoRig(np.array([[200.0, 0, 160], [0, 200, 48], [0, 0, 1]]), 0.5, (96, 320), OPTICAL)
    return Frame(123, image, np.roll(image, -6, axis=1), rig, points)


def sweep(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform((5, -10, -1.7, 0), (40, 10, 2, 1), (5000, 4)).astype(np.float32)


def test_metadata_and_weights_survive_the_file(checkpoint: Path) -> None:
    assert read_metadata(checkpoint) == metadata()
    torch.manual_seed(0)
    original = build("l2cocc", "edge").state_dict()
    network, _ = load_checkpoint(checkpoint)
    assert not network.training
    for name, tensor in network.state_dict().items():
        scale = 1000 if name == "head.logits.weight" else 1
        assert torch.equal(tensor, scale * original[name]), name
    assert list(checkpoint.parent.iterdir()) == [checkpoint]
    assert checkpoint.stat().st_mode & 0o777 == 0o644


def test_a_camera_completer_repeats_itself_whatever_the_lidar_says(checkpoint: Path) -> None:
    completer = SceneCompleter.from_checkpoint(checkpoint, device="cpu")
    completer.warm_up()
    first, second = completer.complete(frame()), completer.complete(frame())
    np.testing.assert_array_equal(first.labels, second.labels)
    assert len(np.unique(first.labels)) > 2
    assert first.stamp == 123
    assert first.model_id == "untrained"
    assert first.grid == SEMANTIC_KITTI_GRID
    assert first.observed is not None
    assert 0.3 < first.observed.mean() < 0.95
    assert set(completer.timings) == {"stereo", "inputs", "network", "labels"}
    with_points = completer.complete(frame(sweep()))
    np.testing.assert_array_equal(with_points.labels, first.labels)
    np.testing.assert_array_equal(with_points.confidence, first.confidence)


def test_a_lidar_completer_lives_on_points_and_refuses_a_frame_without(lidar_checkpoint: Path) -> None:
    completer = SceneCompleter.from_checkpoint(lidar_checkpoint, device="cpu")
    completer.warm_up()
    one, other = (completer.complete(frame(sweep(seed))) for seed in (1, 2))
    assert (one.labels != other.labels).any()
    assert one.stamp == 123
    assert one.observed is not None
    with pytest.raises(SscError, match="reads LiDAR, but the frame has no points"):
        completer.complete(frame())
    np.testing.assert_array_equal(completer.complete(frame(sweep(1))).labels, one.labels)  # and goes on


def test_an_image_branch_is_refused(tmp_path: Path) -> None:
    completer = SceneCompleter.from_checkpoint(save(tmp_path / "image.safetensors", "l2cocc_image"), device="cpu")
    for use in (completer.warm_up, lambda: completer.complete(frame())):
        with pytest.raises(SscError, match=r"l2cocc_image.*predicts no scene"):
            use()


def test_what_is_not_a_checkpoint_is_refused_with_a_reason(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(SscError, match="does not exist"):
        load_checkpoint(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(SscError, match="not a safetensors file"):
        load_checkpoint(tmp_path / "text.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(checkpoint.read_bytes()[:-1000])
    with pytest.raises(SscError, match="cut short"):
        load_checkpoint(tmp_path / "cut.safetensors")
    save_file({"w": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(SscError, match="not written by ssc_ros"):
        load_checkpoint(tmp_path / "other.safetensors")
    save_file({"w": torch.zeros(1)}, tmp_path / "odd.safetensors", {"format": "ssc_ros/1", "ssc_ros": json.dumps([1])})
    with pytest.raises(SscError, match="metadata"):
        load_checkpoint(tmp_path / "odd.safetensors")


def test_weights_and_grid_must_fit(tmp_path: Path) -> None:
    network = build("l2cocc", "edge")
    coarse = SceneGrid((0.0, -25.6, -2.0), 0.4, (128, 128, 16))
    save_checkpoint(tmp_path / "grid.safetensors", network, metadata(grid=coarse))
    with pytest.raises(SscError, match="is for grid"):
        load_checkpoint(tmp_path / "grid.safetensors")
    del network.head
    save_checkpoint(tmp_path / "weights.safetensors", network, metadata())
    with pytest.raises(SscError, match="does not fit"):
        load_checkpoint(tmp_path / "weights.safetensors")


def test_devices_that_are_not_there_are_named(checkpoint: Path) -> None:
    with pytest.raises(SscError, match="not one that torch knows"):
        SceneCompleter.from_checkpoint(checkpoint, device="abacus")
    if not torch.cuda.is_available():
        with pytest.raises(SscError, match="no CUDA"):
            SceneCompleter.from_checkpoint(checkpoint, device="cuda")


def test_finite_weights_whose_predictions_are_not_finite_are_refused_before_the_first_frame(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build("l2cocc_lidar", "edge")
    with torch.no_grad():
        network.head.logits.weight.fill_(3e38)  # a sum of two such numbers is infinite
        network.head.logits.bias.fill_(3e38)
    path = tmp_path / "odd.safetensors"
    save_checkpoint(path, network, metadata(system="l2cocc_lidar", inputs=network.spec.sensors))
    completer = SceneCompleter.from_checkpoint(path)
    with pytest.raises(SscError, match="'untrained' is broken: its weights are finite, but what it predicts"):
        completer.warm_up()
