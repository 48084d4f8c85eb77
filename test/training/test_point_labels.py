"""The classes of a fused network's points: the same in training, evaluation and deployment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_l2cocc
import tiny_polar
import tiny_street
import torch

from ssc_ros.core import SEMANTIC_KITTI, SscError
from ssc_ros.inference.checkpoint import CheckpointMetadata, read_metadata, save_checkpoint
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.inference.segmenter import PointSegmenter
from ssc_ros.systems import LIDAR, STEREO, SYSTEMS
from ssc_ros.training.command import train
from ssc_ros.training.point_labels import NetworkLabeller, TruthLabeller
from ssc_ros.training.sample_cache import SampleCache
from ssc_ros.training.scene_augmentation import SceneAugmentation
from ssc_ros.training.scene_data import SceneData
from ssc_ros.training.scenes import open_sequences

SPEC = replace(tiny_street.SPEC, sensors=(STEREO, LIDAR), sweep=("lidar_voxels", "lidar_classes"))
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SYSTEMS["polarnet"], "tiny", tiny_polar.polarnet)
    monkeypatch.setitem(SYSTEMS["l2cocc"], "tiny_fused", lambda: tiny_l2cocc.camera(SPEC))


def segmentation(folder: Path, seed: int = 0) -> Path:
    """A checkpoint of a network that has seen a sweep, so that it says different things of different points."""
    torch.manual_seed(seed)
    network = tiny_polar.polarnet().train()
    sweep = torch.rand(1, 500, 4) * torch.tensor([24.0, 24, 3, 1]) - torch.tensor([12.0, 12, 2, 0])
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.momentum = None
    with torch.no_grad():
        network({"cloud": sweep})
    spec, path = network.spec, folder / f"points{seed}.safetensors"
    metadata = CheckpointMetadata("m", "polarnet", "tiny", "semantic_kitti", spec.grid, spec.sensors, polar=spec.polar)
    save_checkpoint(path, network, metadata)
    return path


def test_points_are_labelled_alike_in_training_and_by_the_deployed_network(street: Path, tmp_path: Path) -> None:
    (sequence,) = open_sequences([street], ["00"], tiny_street.GRID, SEMANTIC_KITTI)
    checkpoint, frame_id = segmentation(tmp_path), sequence.voxel_ids[0]
    cache = SampleCache(tmp_path, SPEC, SEMANTIC_KITTI, NetworkLabeller(checkpoint))
    cache.write(sequence, frame_id)
    sample = cache.read(sequence, frame_id).inputs
    frame = sequence.frame(frame_id)
    labels = PointSegmenter.from_checkpoint(checkpoint, "cpu").segment(frame.points).labels
    assert len(np.unique(labels)) > 3
    deployed = InputPreparer(SPEC)(replace(frame, point_labels=labels))
    assert sample.keys() == deployed.keys()
    assert all(torch.equal(sample[key], deployed[key]) for key in deployed)
    truth = SampleCache(tmp_path, SPEC, SEMANTIC_KITTI, TruthLabeller())
    truth.write(sequence, frame_id)
    assert not torch.equal(truth.read(sequence, frame_id).inputs["lidar_classes"], sample["lidar_classes"])


def test_another_checkpoint_has_other_samples(tmp_path: Path) -> None:
    one, other = (NetworkLabeller(segmentation(tmp_path, seed)) for seed in (0, 1))
    (tmp_path / "copy").write_bytes(one.checkpoint.read_bytes())
    assert one.identity == NetworkLabeller(tmp_path / "copy").identity
    assert len({one.identity, other.identity, TruthLabeller().identity}) == 3


def test_a_checkpoint_that_cannot_label_the_data_is_refused(street: Path, tmp_path: Path) -> None:
    (sequence,) = open_sequences([street], ["00"], tiny_street.GRID, SEMANTIC_KITTI)
    with pytest.raises(SscError, match="does not exist"):
        NetworkLabeller(tmp_path / "none.safetensors")
    foreign = replace(sequence, label_set=replace(SEMANTIC_KITTI, name="another"))
    with pytest.raises(SscError, match="label set semantic_kitti, but the data another"):
        NetworkLabeller(segmentation(tmp_path))(foreign, sequence.voxel_ids[0], np.zeros((3, 4), np.float32))


def test_labels_that_no_robot_has_are_warned_of(street: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def data(**options: object) -> SceneData:
        return SceneData(SPEC, "semantic_kitti", street, ["00"], ["08"], SceneAugmentation(), cache=tmp_path, **options)

    data(segmentation=segmentation(tmp_path))
    assert not caplog.records
    data()
    assert "flatter" in caplog.text


def test_a_fused_network_is_trained_and_completes_with_and_without_lidar(street: Path, tmp_path: Path) -> None:
    checkpoint, deployed = segmentation(tmp_path), tmp_path / "fused.safetensors"
    options = {
        "model.preset": "tiny_fused",
        "model.objective.voxels": 4096,
        "data.root": street,
        "data.train": ["00"],
        "data.validation": ["08"],
        "data.cache": tmp_path / "cache",
        "data.segmentation": checkpoint,
        "data.augmentation.hide_sweep": 0.5,
        "data.batch_size": 2,
        "data.workers": 0,
        "run": tmp_path / "run",
        "deploy": deployed,
        "trainer.accelerator": "cpu",
        "trainer.max_steps": 2,
        "trainer.val_check_interval": 2,
        "trainer.log_every_n_steps": 1,
        "trainer.num_sanity_val_steps": 0,
        "trainer.enable_model_summary": False,
        "trainer.enable_progress_bar": False,
    }
    assert train([f"--{key}={value}" for key, value in options.items()]) == 0
    metadata = read_metadata(deployed)
    assert metadata.inputs == (STEREO, LIDAR)
    assert NetworkLabeller(checkpoint).identity in metadata.provenance["train"]
    (sequence,) = open_sequences([street], ["08"], tiny_street.GRID, SEMANTIC_KITTI)
    frame = sequence.frame(sequence.voxel_ids[0])
    segmenter = PointSegmenter.from_checkpoint(checkpoint, "cpu")
    completer = SceneCompleter.from_checkpoint(deployed, "cpu", label=segmenter.labels)
    assert completer.reads_classes
    fused = completer.complete(frame)
    labelled = completer.complete(replace(frame, point_labels=segmenter.labels(frame.points)))
    np.testing.assert_array_equal(fused.confidence, labelled.confidence)
    alone = completer.complete(replace(frame, points=None))
    assert (alone.confidence != fused.confidence).any()
    with pytest.raises(SscError, match="classes of LiDAR points"):
        SceneCompleter.from_checkpoint(deployed, "cpu").complete(frame)
