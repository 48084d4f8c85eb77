"""A sweep of any kind in, a class for each point out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from ssc_ros.core import SEMANTIC_KITTI, SscError
from ssc_ros.core.resources import share_directory
from ssc_ros.inference import segmenter as segmenting
from ssc_ros.inference.checkpoint import CheckpointMetadata, load_checkpoint, read_metadata, save_checkpoint
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.inference.segmenter import PointSegmenter
from ssc_ros.systems import SYSTEMS

from ..training import tiny_polar


@pytest.fixture(autouse=True)
def _presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SYSTEMS["polarnet"], "tiny", tiny_polar.polarnet)
    monkeypatch.setitem(SYSTEMS["cylinder3d"], "tiny", tiny_polar.cylinder3d)


def sweep(count: int = 500, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform((-12, -12, -2, 0), (12, 12, 1, 1), (count, 4)).astype(np.float32)


def checkpoint(folder: Path, system: str) -> Path:
    """Of a network that has seen a sweep, so that what it sees reaches its output."""
    torch.manual_seed(0)
    network = SYSTEMS[system]["tiny"]().train()
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.momentum = None
    with torch.no_grad():
        network({"cloud": torch.from_numpy(sweep(seed=9))[None]})
    spec = network.spec
    metadata = CheckpointMetadata("m", system, "tiny", SEMANTIC_KITTI.name, spec.grid, spec.sensors, polar=spec.polar)
    save_checkpoint(folder / "m.safetensors", network, metadata)
    return folder / "m.safetensors"


@pytest.fixture(params=["polarnet", "cylinder3d"])
def segmenter(request: pytest.FixtureRequest, tmp_path: Path) -> PointSegmenter:
    return PointSegmenter.from_checkpoint(checkpoint(tmp_path, request.param), device="cpu")


def test_labels_and_confidence_are_those_of_the_network(segmenter: PointSegmenter, tmp_path: Path) -> None:
    network, metadata = load_checkpoint(tmp_path / "m.safetensors")
    assert metadata.polar == tiny_polar.GRID
    with torch.inference_mode():
        logits = network({"cloud": torch.from_numpy(sweep())[None]}).points.dense()[0]
    found = segmenter.segment(sweep(), confidence=True)
    assert found.labels.dtype == np.uint8
    np.testing.assert_array_equal(found.labels, logits[:, 1:].argmax(dim=1) + 1)
    expected = logits.softmax(dim=1)[:, 1:].amax(dim=1).numpy()
    assert found.confidence is not None
    np.testing.assert_allclose(found.confidence, expected, atol=1e-5)
    assert segmenter.segment(sweep()).confidence is None


def test_half_precision_is_chosen_where_the_cpu_has_it_and_labels_agree(
    segmenter: PointSegmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.safetensors"
    monkeypatch.setattr(segmenting, "calculates_in_bfloat16", lambda: True)
    monkeypatch.setitem(segmenting.REQUIRED, "bf16", 0.8)  # of an untrained network
    small = PointSegmenter.from_checkpoint(path, "cpu", backend="auto")
    assert (segmenter.backend, small.backend) == ("torch", "torch-bf16")
    network, _ = load_checkpoint(path)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        expected = network({"cloud": torch.from_numpy(sweep())[None]}).points
    found, large = (one.segment(sweep(), confidence=True) for one in (small, segmenter))
    np.testing.assert_allclose(found.confidence, expected.confidence()[0], atol=0.02)
    assert not np.array_equal(found.confidence, large.confidence)
    assert (found.labels == large.labels).mean() > 0.9
    monkeypatch.setitem(segmenting.REQUIRED, "bf16", 1.1)
    assert PointSegmenter.from_checkpoint(path, "cpu", backend="auto").backend == "torch"
    with pytest.raises(SscError, match=r"'torch-bf16' is refused: .* 110.00% are expected"):
        PointSegmenter.from_checkpoint(path, "cpu", backend="torch-bf16")
    monkeypatch.setattr(segmenting, "calculates_in_bfloat16", lambda: False)
    assert PointSegmenter.from_checkpoint(path, "cpu", backend="auto").backend == "torch"
    with pytest.raises(SscError, match="'openvino' is not one of"):
        PointSegmenter.from_checkpoint(path, "cpu", backend="openvino")


def test_bad_points_are_unlabelled_and_change_nothing(segmenter: PointSegmenter) -> None:
    good = sweep()
    expected = segmenter.segment(good).labels
    bad = np.array([[math.nan] * 4, [1, math.inf, 0, 0], [1e30, 1, 0, 0]], np.float32)
    mixed = np.concatenate([good[:100], bad, good[100:]])
    found = segmenter.segment(mixed, confidence=True)
    assert found.labels[100:103].tolist() == [0, 0, 0]
    assert found.confidence is not None
    assert found.confidence[100:103].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(np.delete(found.labels, [100, 101, 102]), expected)
    assert segmenter.segment(bad).labels.tolist() == [0, 0, 0]
    assert segmenter.segment(bad[:0], confidence=True, votes=4).labels.shape == (0,)


def test_a_reflectance_that_is_missing_counts_as_zero_and_the_points_given_stay_as_they_are(
    segmenter: PointSegmenter,
) -> None:
    missing, zero = sweep(), sweep()
    missing[:, 3], zero[:, 3] = math.nan, 0
    np.testing.assert_array_equal(segmenter.segment(missing).labels, segmenter.segment(zero).labels)
    assert np.isnan(missing[:, 3]).all()


def test_votes_are_the_mean_probabilities_of_mirror_images(segmenter: PointSegmenter, tmp_path: Path) -> None:
    network, _ = load_checkpoint(tmp_path / "m.safetensors")
    total = torch.zeros(500, 20)
    for x in (1, -1):
        for y in (1, -1):
            cloud = torch.from_numpy(sweep() * np.array([x, y, 1, 1], np.float32))[None]
            with torch.inference_mode():
                total += network({"cloud": cloud}).points.dense()[0].softmax(dim=1)
    found = segmenter.segment(sweep(), confidence=True, votes=4)
    assert found.confidence is not None
    np.testing.assert_allclose(found.confidence, (total / 4)[:, 1:].amax(dim=1), atol=1e-5)
    np.testing.assert_array_equal(found.labels, total[:, 1:].argmax(dim=1) + 1)
    assert (found.labels != segmenter.segment(sweep()).labels).any()
    assert segmenter.segment(sweep(), votes=2).confidence is None


def test_two_million_points_take_memory_by_the_chunk(segmenter: PointSegmenter) -> None:
    """The widest layer on all points at once would be 64 MB; no tensor of the encoder's is larger than a chunk's."""
    sizes: list[int] = []
    for module in segmenter._network.encoder.layers:
        module.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    labels = segmenter.segment(np.tile(sweep(20_000), (100, 1))).labels
    assert len(labels) == 2_000_000
    assert max(sizes) <= 32_768
    np.testing.assert_array_equal(labels[:20_000], labels[-20_000:])


def test_a_network_of_points_completes_no_scene(segmenter: PointSegmenter, tmp_path: Path) -> None:
    with pytest.raises(SscError, match="gives classes to points"):
        SceneCompleter.from_checkpoint(tmp_path / "m.safetensors", device="cpu").warm_up()


def test_what_cannot_be_segmented_is_refused(segmenter: PointSegmenter) -> None:
    with pytest.raises(SscError, match=r"\(500, 3\), expected \(N, 4\)"):
        segmenter.segment(sweep()[:, :3])
    with pytest.raises(SscError, match="5 votes"):
        segmenter.segment(sweep(), votes=5)
    path = share_directory() / "models" / "l2cocc_lidar_edge.safetensors"
    assert read_metadata(path).polar is None
    with pytest.raises(SscError, match="gives no classes to points"):
        PointSegmenter.from_checkpoint(path)
