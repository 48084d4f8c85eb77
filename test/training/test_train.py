"""Training as a user runs it, on a street that is learnt in seconds."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ssc_ros.core import SscError
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.inference.checkpoint import load_checkpoint, read_metadata
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.training.checkpoint_writer import read_curves
from ssc_ros.training.command import TrainingBar, train
from ssc_ros.training.scene_training import SceneTraining
from ssc_ros.training.scenes import open_sequences
from ssc_ros.training.training_base import one_cycle

SCRIPT = Path(__file__).with_name("train_tiny.py")
pytestmark = pytest.mark.filterwarnings("ignore")


def arguments(street: Path, run: Path, **flags: object) -> list[str]:
    """A command line for the tiny street; `flags` have "__" for the dots."""
    options = {
        "model.preset": "tiny",
        "model.objective.voxels": 4096,
        "data.root": street,
        "data.train": ["00"],
        "data.validation": ["08"],
        "data.cache": run.parent / "cache",
        "data.batch_size": 2,
        "data.workers": 0,
        "run": run,
        "trainer.accelerator": "cpu",
        "trainer.max_epochs": 3,
        "trainer.log_every_n_steps": 1,
        "trainer.num_sanity_val_steps": 0,
        "trainer.enable_model_summary": False,
    } | {key.replace("__", "."): value for key, value in flags.items()}
    return [f"--{key}={value}" for key, value in options.items()]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=False)["state_dict"]


def assert_equal_weights(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [key for key in a if not torch.equal(a[key], b[key])] == []


@pytest.mark.slow
@pytest.mark.parametrize("system", ["l2cocc", "l2cocc_lidar", "sgn"])
def test_a_frame_is_learnt_by_heart_and_deployed(street: Path, tiny: str, tmp_path: Path, system: str) -> None:
    flags = {
        "model__system": system,
        "trainer__max_epochs": 200,
        "trainer__check_val_every_n_epoch": 200,
        "trainer__enable_progress_bar": False,
        "model__learning_rate": 0.01,
        "data__augmentation__flip": 0.0,
        "data__augmentation__color": 0.0,
        "data__train": ["01"],
    }
    deployed = tmp_path / "models" / "tiny.safetensors"
    assert train(arguments(street, tmp_path / "run", deploy=deployed, **flags)) == 0

    curves = read_curves(tmp_path / "run" / "tensorboard")
    loss = curves["train/loss"][1]
    assert len(loss) == 200
    assert np.mean(loss[-10:]) < 0.3 * np.mean(loss[:3])

    completer = SceneCompleter.from_checkpoint(deployed, device="cpu")
    (sequence,) = open_sequences([street], ["01"], completer.metadata.grid, completer.metadata.label_set)
    confusion = Confusion(20)
    confusion.add(completer.complete(sequence.frame("000000")).labels, sequence.target("000000"))
    scores = confusion.scores()
    assert scores.iou > 0.95
    assert scores.per_class[9] > 0.9  # road
    assert scores.per_class[13] > 0.6  # building

    metadata = read_metadata(deployed)
    assert metadata.model_id == "tiny"
    assert metadata.inputs == (("lidar",) if system == "l2cocc_lidar" else ("stereo",))
    assert metadata.metrics["miou"] == pytest.approx(max(curves["val/miou"][1]), abs=1e-4)
    assert "--trainer.max_epochs=200" in metadata.provenance["command"]
    card = deployed.with_suffix(".md").read_text()
    assert f"{100 * metadata.metrics['iou']:.2f}" in card
    assert deployed.with_suffix(".png").stat().st_size > 5000


# at the end of an epoch of three steps, and within one; with and without loader processes that read ahead
@pytest.mark.parametrize(("step", "workers"), [(3, 0), (4, 0), (4, 1)])
def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    street: Path, tiny: str, tmp_path: Path, step: int, workers: int
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(arguments(street, whole, data__workers=workers))
    stop = ["--trainer.callbacks=tiny_street.Interrupt", f"--trainer.callbacks.step={step}"]
    with pytest.raises(RuntimeError, match="interrupted"):
        train([*arguments(street, broken, data__workers=workers, save_minutes=0), *stop])
    assert torch.load(broken / "checkpoints" / "last.ckpt", weights_only=False)["global_step"] == step
    train(arguments(street, broken, data__workers=workers))
    assert_equal_weights(weights(whole), weights(broken))
    seen = [read_curves(run / "tensorboard")["train/loss"] for run in (whole, broken)]
    assert seen[0] == seen[1]


def test_the_seed_decides(street: Path, tiny: str, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(arguments(street, tmp_path / name, seed_everything=seed, trainer__max_epochs=1))
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert_equal_weights(a, b)
    assert any(not torch.equal(a[key], c[key]) for key in a)


@pytest.mark.slow
def test_a_killed_process_resumes(street: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, str(SCRIPT), *arguments(street, run, save_minutes=0, trainer__max_epochs=1000)]
    last = run / "checkpoints" / "last.ckpt"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not last.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    reached = torch.load(last, weights_only=False)["global_step"]
    assert reached >= 1
    epochs = reached // 3 + 2
    command = [c.replace("max_epochs=1000", f"max_epochs={epochs}") for c in command]
    resumed = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert "resuming" in resumed.stderr
    assert torch.load(last, weights_only=False)["global_step"] == 3 * epochs


@pytest.mark.slow
def test_two_processes_train_together(street: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    flags = {"trainer__devices": 2, "trainer__strategy": "ddp", "data__batch_size": 1, "trainer__max_epochs": 2}
    deployed = tmp_path / "tiny.safetensors"
    command = [sys.executable, str(SCRIPT), *arguments(street, run, deploy=deployed, **flags)]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "sync_dist" not in result.stdout + result.stderr
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=False)
    # six frames shared by two processes are three steps an epoch
    assert state["global_step"] == 6
    # the counts of both processes are added up: two validation frames, all known voxels of each
    metrics = read_metadata(deployed).metrics
    assert 0 <= metrics["miou"] <= 1


def test_a_run_that_ends_before_its_first_validation_deploys_its_last_weights(
    street: Path, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, deployed = tmp_path / "run", tmp_path / "tiny.safetensors"
    flags = {"trainer__max_epochs": -1, "trainer__max_steps": 2, "trainer__check_val_every_n_epoch": 10}
    assert train(arguments(street, run, deploy=deployed, **flags)) == 0
    assert not (run / "checkpoints" / "best.ckpt").exists()
    network, metadata = load_checkpoint(deployed)
    assert metadata.metrics == {}
    assert metadata.provenance["step"] == "2"
    assert metadata.provenance["validated"].startswith("never")
    learnt = {key.removeprefix("network."): value for key, value in weights(run).items()}
    assert_equal_weights(network.state_dict(), {key: learnt[key] for key in network.state_dict()})
    assert "/-2" not in capsys.readouterr().out
    assert "max_steps: 2" in (run / "config.yaml").read_text()
    assert not (run / "tensorboard" / "config.yaml").exists()


@pytest.mark.parametrize(("epochs", "text"), [(-1, "Epoch 3"), (None, "Epoch 3"), (8, "Epoch 3/7")])
def test_the_bar_counts_epochs_only_where_there_are_any(epochs: int | None, text: str) -> None:
    bar = TrainingBar()
    bar._trainer = SimpleNamespace(max_epochs=epochs, sanity_checking=False)  # type: ignore[assignment]
    assert bar._get_train_description(3).strip() == text


def test_sequences_that_are_not_there_are_named_beside_those_that_are(street: Path, tiny: str, tmp_path: Path) -> None:
    with pytest.raises(SscError, match=r"no sequence 02, 12 in .*, only 00, 01, 08; name those in data\.train"):
        train(arguments(street, tmp_path / "run", data__train=["00", "02", "12"]))


def test_a_resumed_run_can_be_shortened(street: Path, tiny: str, tmp_path: Path) -> None:
    stop = ["--trainer.callbacks=tiny_street.Interrupt", "--trainer.callbacks.step=5"]
    with pytest.raises(RuntimeError, match="interrupted"):
        train([*arguments(street, tmp_path / "run", save_minutes=0, trainer__max_epochs=100), *stop])
    train(arguments(street, tmp_path / "run", trainer__max_epochs=4))
    steps, rates = read_curves(tmp_path / "run" / "tensorboard")["lr-AdamW/pg1"]
    assert steps == list(range(12))
    assert rates[4] == pytest.approx(1e-3 * one_cycle(4 / 300, 0.1), rel=1e-4)
    assert rates[11] == pytest.approx(1e-3 * one_cycle(11 / 12, 0.1), rel=1e-4)


def test_the_cycle_starts_low_peaks_after_the_warm_up_and_ends_at_zero() -> None:
    assert one_cycle(0, 0.1) == pytest.approx(1 / 25)
    assert one_cycle(0.1, 0.1) == pytest.approx(1)
    assert one_cycle(0.55, 0.1) == pytest.approx(0.5)
    assert one_cycle(1, 0.1) == pytest.approx(0)
    assert one_cycle(0, 0) == 1


def test_a_lidar_network_is_not_trained_on_data_without_lidar(street: Path, tiny: str, tmp_path: Path) -> None:
    blind = tmp_path / "blind"
    shutil.copytree(street, blind, ignore=shutil.ignore_patterns("velodyne"))
    with pytest.raises(SscError, match=r"reads LiDAR, but there is no velodyne folder in .*00"):
        train(arguments(blind, tmp_path / "run", model__system="l2cocc_lidar"))
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_training_on_the_validation_sequence_is_refused(street: Path, tiny: str, tmp_path: Path) -> None:
    with pytest.raises(SscError, match="08"):
        train(arguments(street, tmp_path / "run", data__train=["00", "08"]))


def test_stages_hand_their_checkpoints_on_and_the_student_needs_no_lidar(
    street: Path, tiny: str, tmp_path: Path
) -> None:
    """Image branch, teacher and student, as the shipped files chain them."""

    def stage(system: str, name: str, **flags: object) -> Path:
        path = tmp_path / "models" / f"{name}.safetensors"
        train(arguments(street, tmp_path / name, model__system=system, deploy=path, trainer__max_epochs=1, **flags))
        return path

    image = stage("l2cocc_image", "image")
    card = image.with_suffix(".md").read_text()
    assert "classes of image cells" in card
    assert "IoU |" not in card.replace("**mIoU** |", ""), "everything that LiDAR sees is occupied"
    teacher = stage("l2cocc_lidar", "teacher")
    before = teacher.read_bytes()
    alone = stage("l2cocc", "c", model__pretrained={"image": str(image)})
    taught = stage("l2cocc", "d", model__pretrained={"image": str(image)}, model__distillation__teacher=teacher)
    assert teacher.read_bytes() == before
    terms = {name.removeprefix("train/") for name in read_curves(tmp_path / "d" / "tensorboard")}
    assert terms >= {"fsd_numeric", "fsd_relation", "tpvd", "pad", "cross_entropy"}
    (c, told), (d, same) = load_checkpoint(alone), load_checkpoint(taught)
    assert told.inputs == same.inputs == ("stereo",)
    assert {n: t.shape for n, t in c.state_dict().items()} == {n: t.shape for n, t in d.state_dict().items()}
    assert any(not torch.equal(t, c.state_dict()[n]) for n, t in d.state_dict().items())
    frame = KittiSequence.open(street / "sequences" / "08").frame("000000", with_points=False)
    assert SceneCompleter.from_checkpoint(taught, device="cpu").complete(frame).labels.shape == (32, 32, 16)


def test_a_block_starts_from_a_checkpoint_of_any_system_that_has_it(street: Path, tiny: str, tmp_path: Path) -> None:
    image = tmp_path / "image.safetensors"
    train(arguments(street, tmp_path / "run", deploy=image, trainer__max_epochs=1, model__system="l2cocc_image"))
    trained, _ = load_checkpoint(image)
    whole = SceneTraining("l2cocc", "tiny", pretrained={"image": image}).network.get_submodule("image")
    part = SceneTraining("l2cocc_image", "tiny", pretrained={"encoder": image}).network
    for name, tensor in trained.state_dict().items():
        assert torch.equal(whole.state_dict()[name], tensor)
        assert torch.equal(part.state_dict()[name], tensor) or not name.startswith("encoder.")
    assert not torch.equal(part.get_submodule("classes").weight, trained.get_submodule("classes").weight)
    with pytest.raises(SscError, match=r"no block 'img' .* consists of image, lift"):
        SceneTraining("l2cocc", "tiny", pretrained={"img": image})
    with pytest.raises(SscError, match=r"image.safetensors' \(l2cocc_image\) does not fit the block 'trunk'"):
        SceneTraining("l2cocc", "tiny", pretrained={"trunk": image})


def test_a_checkpoint_loads_strictly(street: Path, tiny: str, tmp_path: Path) -> None:
    deployed = tmp_path / "tiny.safetensors"
    train(arguments(street, tmp_path / "run", deploy=deployed, trainer__max_epochs=1))
    network, _ = load_checkpoint(deployed)
    best = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=False)["state_dict"]
    for key, value in network.state_dict().items():
        assert torch.equal(value, best[f"network.{key}"])
