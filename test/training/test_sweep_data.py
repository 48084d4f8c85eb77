"""Training of point segmentation: sweeps and their augmentation, and runs as a user starts them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_street
import torch
from test_train import assert_equal_weights, weights

from ssc_ros.core import SEMANTIC_KITTI, SscError
from ssc_ros.data.sweeps import SweepSequence, open_sweeps
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.evaluation.points import point_scores
from ssc_ros.inference.checkpoint import load_checkpoint, read_metadata
from ssc_ros.inference.segmenter import PointSegmenter
from ssc_ros.networks.heads.point_logits import PointLogits
from ssc_ros.networks.sparse.sites import Sites
from ssc_ros.training.checkpoint_writer import read_curves
from ssc_ros.training.command import train
from ssc_ros.training.point_objective import PointObjective
from ssc_ros.training.point_training import class_weights
from ssc_ros.training.sampler import Draw
from ssc_ros.training.sweep_augmentation import SweepAugmentation
from ssc_ros.training.sweep_data import SweepData, Sweeps, collate_sweeps

pytestmark = pytest.mark.filterwarnings("ignore")
PLAIN = SweepAugmentation(rotate=False, flip=False, scale=0.0, jitter=0.0)


def sweeps(street: Path, augmentation: SweepAugmentation = PLAIN) -> Sweeps:
    return Sweeps(open_sweeps([street], ["00"]), SEMANTIC_KITTI, augmentation)


def arguments(street: Path, run: Path, **flags: object) -> list[str]:
    """A command line for the tiny street; `flags` have "__" for the dots."""
    options = {
        "task": "segmentation",
        "model.system": "polarnet",
        "model.preset": "tiny",
        "data.root": street,
        "data.train": ["00"],
        "data.validation": ["08"],
        "data.batch_size": 2,
        "data.workers": 0,
        "run": run,
        "trainer.accelerator": "cpu",
        "trainer.max_epochs": 2,
        "trainer.log_every_n_steps": 1,
        "trainer.num_sanity_val_steps": 0,
        "trainer.enable_model_summary": False,
        "trainer.enable_progress_bar": False,
    } | {key.replace("__", "."): value for key, value in flags.items()}
    return [f"--{key}={value}" for key, value in options.items()]


def test_sweeps_need_neither_images_nor_voxels(street: Path, tmp_path: Path) -> None:
    path = tmp_path / "sequences" / "03"
    for folder in ("velodyne", "labels"):
        shutil.copytree(street / "sequences" / "00" / folder, path / folder)
    (path / "labels" / "000002.label").unlink()
    (sequence,) = open_sweeps([tmp_path], ["03"])
    assert len(sequence.sweep_ids) == 6
    assert sequence.labelled_ids == ("000000", "000001", "000003", "000004", "000005")
    (path / "labels" / "000001.label").write_bytes(bytes(4 * 899))
    with pytest.raises(SscError, match="899 labels, but its sweep 900 points"):
        sequence.labels("000001")
    with pytest.raises(SscError, match="no sequence 55"):
        open_sweeps([tmp_path], ["55"])
    shutil.rmtree(path / "velodyne")
    with pytest.raises(SscError, match="holds no sweeps"):
        SweepSequence.open(path)


def test_a_sample_is_what_lies_on_disk_and_a_batch_is_filled_up(street: Path) -> None:
    data = sweeps(street)
    cloud = np.fromfile(street / "sequences" / "00" / "velodyne" / "000001.bin", np.float32).reshape(-1, 4)
    np.testing.assert_array_equal(data[1].inputs["cloud"], cloud)
    assert torch.bincount(data[1].labels).nonzero()[:, 0].tolist() == [9, 13]  # road and building
    short = data[1]._replace(inputs={"cloud": data[1].inputs["cloud"][:10]}, labels=data[1].labels[:10])
    batch = collate_sweeps([short, data[2]])
    assert batch.inputs["cloud"].shape == (2, 900, 4)
    assert batch.inputs["cloud"][0, 10:].isnan().all()
    assert (batch.labels[0, 10:] == 0).all()
    assert torch.equal(batch.labels[1], data[2].labels)
    shares = data.class_shares()
    assert shares[9] == pytest.approx(2 / 3)
    assert shares[13] == pytest.approx(1 / 3)


def test_augmentation_is_a_similarity_that_leaves_reflectance_alone(street: Path) -> None:
    """Distances grow by one factor within the limits, heights stay heights; turns and mirrors both occur."""
    data = sweeps(street, SweepAugmentation(scale=0.1, jitter=0.5))
    plain, mirrored, factors, shifts = data[0].inputs["cloud"].double(), 0, [], []
    for seed in range(40):
        cloud = data[Draw(0, seed)].inputs["cloud"].double()
        assert torch.equal(cloud[:, 3], plain[:, 3])
        a, b = (x[1:, :3] - x[:1, :3] for x in (plain, cloud))
        ratio = b.norm(dim=1) / a.norm(dim=1)
        factors.append(ratio.median().item())
        torch.testing.assert_close(ratio, torch.full_like(ratio, factors[-1]), atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(b[:, 2], factors[-1] * a[:, 2], atol=1e-4, rtol=0)
        turn = torch.linalg.lstsq(a[:, :2], b[:, :2]).solution
        mirrored += int(torch.linalg.det(turn) < 0)
        shifts.append((cloud - factors[-1] * plain)[:, 2].mean().item())
    assert 0.9 <= min(factors) < 0.95 < 1.05 < max(factors) <= 1.1
    assert 10 < mirrored < 30
    assert 0.3 < np.std(shifts) < 0.7
    assert torch.equal(data[Draw(0, 3)].inputs["cloud"], data[Draw(0, 3)].inputs["cloud"])
    nothing = sweeps(street)[Draw(0, 3)].inputs["cloud"]
    torch.testing.assert_close(nothing.double(), plain)


def test_materials_differ_from_sweep_to_sweep(street: Path) -> None:
    """One factor for all points of a class, another in the next sweep; e to the power of 0.7 is about a deviation."""
    data = sweeps(street, replace(PLAIN, reflectance=0.7))
    plain, labels = data[0].inputs["cloud"], data[0].labels
    brighter = []
    for seed in range(30):
        cloud = data[Draw(0, seed)].inputs["cloud"]
        torch.testing.assert_close(cloud[:, :3], plain[:, :3])
        assert cloud[:, 3].max() <= 1
        kept = (cloud[:, 3] < 1) & (plain[:, 3] > 0)
        factors = [(cloud / plain)[kept & (labels == c), 3] for c in (9, 13)]
        for factor in factors:
            torch.testing.assert_close(factor, factor[:1].expand_as(factor))
        brighter.append([factor[0].log().item() for factor in factors])
    assert np.abs(np.mean(brighter, axis=0)).max() < 0.4
    assert np.std(brighter, axis=0) == pytest.approx(0.7, abs=0.25)
    assert abs(np.corrcoef(np.transpose(brighter))[0, 1]) < 0.5


def test_validation_sequences_are_never_trained_on(street: Path) -> None:
    with pytest.raises(SscError, match=r"in data\.train and in data\.validation"):
        SweepData("semantic_kitti", street, ["00"], ["00"])
    for reserved in ("08", "11"):
        with pytest.raises(SscError, match=f"{reserved} are for validation alone"):
            SweepData("semantic_kitti", street, ["00", reserved], ["01"])


def test_the_objective_looks_at_labelled_cells_alone() -> None:
    """Two cells of logits (ln 3, 0) over classes 1 and 2, of which one is labelled 1: cross entropy is ln 4/3."""
    cells = torch.full((2, 3), -1e4)
    cells[:, 1], cells[:, 2] = float(np.log(3)), 0.0
    points = PointLogits(cells, Sites(torch.arange(2), (2, 1, 1), 1), torch.tensor([[0, 1, 0]]))
    labels = torch.tensor([[1, 0, 0]], dtype=torch.uint8)
    terms = PointObjective(cross_entropy=2.0, lovasz=0.5)(points, labels, torch.tensor([0.0, 7.0, 1.0]))
    assert terms["cross_entropy"].item() == pytest.approx(2 * np.log(4 / 3), rel=1e-5)
    assert terms["lovasz"].item() == pytest.approx(0.5 * 0.25, rel=1e-5)  # the error of the one cell
    assert PointObjective(0.0, 0.0)(points, labels, torch.ones(3)) == {}


def test_class_weights_are_those_of_the_published_training() -> None:
    """The shares in semantic-kitti.yaml; a car's is 0.0426, a motorcyclist's 3.7e-5."""
    weights = class_weights(np.array(SEMANTIC_KITTI.point_shares))
    assert sum(SEMANTIC_KITTI.point_shares) == pytest.approx(1, abs=1e-3)
    assert weights[1].item() == pytest.approx(22.93, abs=0.01)
    assert weights[8].item() == pytest.approx(963.9, abs=0.1)
    assert weights[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("system", ["polarnet", "cylinder3d"])
def test_a_sweep_is_learnt_by_heart_and_deployed(street: Path, tiny: str, tmp_path: Path, system: str) -> None:
    deployed = tmp_path / "models" / "tiny.safetensors"
    plain = {"rotate": "false", "flip": "false", "scale": 0.0, "jitter": 0.0}
    augmentation = {f"data__augmentation__{name}": value for name, value in plain.items()}
    flags = {"model__system": system, "trainer__max_epochs": 120, "trainer__check_val_every_n_epoch": 120}
    flags |= augmentation | {"data__train": ["01"], "model__learning_rate": 0.01, "deploy": deployed}
    assert train(arguments(street, tmp_path / "run", **flags)) == 0
    (sequence,) = open_sweeps([street], ["01"])
    confusion = Confusion(20)
    labels = PointSegmenter.from_checkpoint(deployed, device="cpu").segment(sequence.points("000000")).labels
    confusion.add(labels, SEMANTIC_KITTI.train_from_raw_points(sequence.labels("000000")))
    scores = point_scores(confusion)
    assert scores.per_class[9] > 0.9  # road
    assert scores.per_class[13] > 0.9  # building
    metadata, curves = read_metadata(deployed), read_curves(tmp_path / "run" / "tensorboard")
    assert metadata.inputs == ("lidar",)
    assert metadata.metrics["miou"] == pytest.approx(max(curves["val/miou"][1]), abs=1e-4)
    assert "1 sweeps of sequences 01" in metadata.provenance["train"]
    assert "class to each point of a sweep" in deployed.with_suffix(".md").read_text()


def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    street: Path, tiny: str, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(arguments(street, whole))
    stop = ["--trainer.callbacks=tiny_street.Interrupt", "--trainer.callbacks.step=4"]
    with pytest.raises(RuntimeError, match="interrupted"):
        train([*arguments(street, broken, save_minutes=0), *stop])
    train(arguments(street, broken))
    assert_equal_weights(weights(whole), weights(broken))
    assert tiny_street.Interrupt  # named by the flags above


def test_a_distilled_student_carries_nothing_of_its_teacher(street: Path, tiny: str, tmp_path: Path) -> None:
    teacher, student = tmp_path / "teacher.safetensors", tmp_path / "student.safetensors"
    train(arguments(street, tmp_path / "t", model__system="cylinder3d", trainer__max_epochs=1, deploy=teacher))
    content = teacher.read_bytes()
    flags = {"model__distillation__teacher": teacher, "model__distillation__threshold": 0.0}
    train(arguments(street, tmp_path / "s", trainer__max_epochs=1, deploy=student, **flags))
    curves = read_curves(tmp_path / "s" / "tensorboard")
    assert {"train/voxel_to_pillar", "train/label_weight", "train/logits"} <= curves.keys()
    network, _ = load_checkpoint(student)  # strictly: no adapter, no teacher
    assert not any("adapters" in name or "teacher" in name for name in network.state_dict())
    assert any("adapters" in name for name in weights(tmp_path / "s"))
    assert teacher.read_bytes() == content


def test_a_task_that_does_not_exist_is_refused(street: Path, tmp_path: Path) -> None:
    with pytest.raises(SscError, match="task 'driving'"):
        train(arguments(street, tmp_path, task="driving"))
    with pytest.raises(SscError, match="gives no classes to points"):
        train(arguments(street, tmp_path, model__system="l2cocc_lidar", model__preset="edge"))
