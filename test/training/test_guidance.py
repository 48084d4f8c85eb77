"""A language teacher is trained, asked once, and guides a training that nothing of it is left in."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_street
import torch
from test_train import arguments, assert_equal_weights, weights

from ssc_ros import cli
from ssc_ros.core import SEMANTIC_KITTI, SscError
from ssc_ros.distillation import Guide, PixelGuidance
from ssc_ros.distillation.language import LangSegTeacher
from ssc_ros.inference.checkpoint import CheckpointMetadata, load_checkpoint, save_checkpoint
from ssc_ros.inference.inputs import resized
from ssc_ros.systems import STEREO
from ssc_ros.training.checkpoint_writer import read_curves
from ssc_ros.training.command import train
from ssc_ros.training.guidance_cache import GuidanceCache, ask
from ssc_ros.training.mirror import MirroredSequence, mirror_sample
from ssc_ros.training.precompute_guidance import precompute_guidance
from ssc_ros.training.sample_cache import SampleCache
from ssc_ros.training.scene_augmentation import SceneAugmentation
from ssc_ros.training.scene_sample import collate_scenes
from ssc_ros.training.scenes import Scenes, open_sequences

pytestmark = pytest.mark.filterwarnings("ignore")
CPU = torch.device("cpu")
SIZE = tiny_street.SPEC.context_size


def save_teacher(path: Path, seed: int = 5) -> Path:
    torch.manual_seed(seed)
    network = tiny_street.lang_seg()
    metadata = CheckpointMetadata("t", "lang_seg", "tiny", SEMANTIC_KITTI.name, tiny_street.GRID, (STEREO,))
    save_checkpoint(path, network, metadata)
    return path


@pytest.fixture
def teacher(tiny: str, tmp_path: Path) -> LangSegTeacher:
    return LangSegTeacher(save_teacher(tmp_path / "teacher.safetensors"), SEMANTIC_KITTI)


@pytest.fixture
def guided(street: Path, tmp_path: Path, teacher: LangSegTeacher) -> Scenes:
    """Prepared scenes of sequence 00 for a network that reads the left image, with the teacher's answers."""
    sequences = open_sequences([street], ["00"], tiny_street.GRID, SEMANTIC_KITTI)
    spec = replace(tiny_street.SPEC, pair=())
    guidance = GuidanceCache(tmp_path / "cache", Guide(teacher, SIZE))
    made = Scenes(
        sequences, SampleCache(tmp_path / "cache", spec, SEMANTIC_KITTI), SceneAugmentation(), guidance=guidance
    )
    for frame in made.frames:
        made.cache.write(*frame)
    for _ in guidance.make(made.guided(), CPU):
        pass
    return made


def flags(path: Path, **recipe: object) -> dict[str, object]:
    given = {"teacher": path, **recipe}
    return {"model__system": "l2cocc_image"} | {f"model__guidance__{key}": value for key, value in given.items()}


# what is kept -------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_what_the_teacher_says(guided: Scenes, teacher: LangSegTeacher) -> None:
    sequence, frame_id = guided.frames[2]
    left = sequence.frame(frame_id).left
    image = resized(left, tiny_street.SPEC.image_size)
    said = teacher(torch.from_numpy(image).permute(2, 0, 1)[None])
    kept = guided[2].guidance
    assert kept.features.dtype == kept.logits.dtype == torch.float16
    torch.testing.assert_close(kept.features.float(), said.features[0], atol=1e-3, rtol=0)
    torch.testing.assert_close(kept.logits.float(), said.logits[0], atol=0.02, rtol=0)
    # and what it was trained on: the network's own preparation of the same frame
    assert torch.equal(guided[2].inputs["image"], torch.from_numpy(image).permute(2, 0, 1))


def test_answers_come_in_the_students_cells_and_stay_directions(teacher: LangSegTeacher) -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 90, 3), np.uint8)
    said = ask(teacher, image, (5, 9), CPU)
    assert said.features.shape == (16, 5, 9)
    assert said.logits.shape == (20, 5, 9)
    torch.testing.assert_close(said.features.float().norm(dim=0), torch.ones(5, 9), atol=2e-3, rtol=0)


def test_only_what_is_missing_or_older_than_its_image_is_asked_again(guided: Scenes) -> None:
    guidance, scenes = guided.guidance, guided.guided()
    assert guidance.stale(scenes) == []
    sequence, frame_id = scenes[1]
    path = guidance.path(sequence, frame_id)
    path.unlink()
    assert guidance.stale(scenes) == [scenes[1]]
    assert list(guidance.make(guidance.stale(scenes), CPU)) == [scenes[1]]
    image = (sequence.path / "image_2" / f"{frame_id}.png").stat().st_mtime_ns
    os.utime(path, ns=(image - 1, image - 1))
    assert guidance.stale(scenes) == [scenes[1]]


def test_another_teacher_size_or_sequence_is_kept_elsewhere(
    guided: Scenes, teacher: LangSegTeacher, tmp_path: Path
) -> None:
    sequence, frame_id = guided.frames[0]
    other = LangSegTeacher(save_teacher(tmp_path / "other.safetensors", seed=6), SEMANTIC_KITTI)
    caches = [
        guided.guidance,
        replace(guided.guidance, guide=Guide(other, SIZE)),
        replace(guided.guidance, guide=Guide(teacher, (8, 16))),
    ]
    paths = {c.path(s, frame_id) for c in caches for s in (sequence, MirroredSequence.of(sequence))}
    assert len(paths) == 6
    assert caches[1].stale(guided.frames) == guided.frames


@pytest.mark.parametrize("damage", [b"", b"PK" * 500])
def test_a_damaged_answer_is_named(guided: Scenes, damage: bytes) -> None:
    path = guided.guidance.path(*guided.frames[0])
    path.write_bytes(damage)
    with pytest.raises(SscError, match=rf"{path.name}.*delete it and run ssc-ros precompute-teacher again"):
        guided[0]


def test_an_interrupted_run_leaves_whole_files(guided: Scenes, monkeypatch: pytest.MonkeyPatch) -> None:
    guidance, scenes = guided.guidance, guided.guided()
    for scene in scenes:
        guidance.path(*scene).unlink()
    asking = guidance.make(scenes, CPU)
    next(asking), next(asking)
    asking.close()
    assert guidance.stale(scenes) == scenes[2:]
    assert list(guidance.path(*scenes[0]).parent.glob(".*")) == []


# what becomes of it in a sample -------------------------------------------------------------------------------------


def test_mirroring_a_sample_mirrors_its_guidance(guided: Scenes) -> None:
    sample = guided[0]
    mirrored = mirror_sample(sample, tiny_street.GRID)
    assert torch.equal(mirrored.inputs["image"], sample.inputs["image"].flip(2))
    for own, other in zip(sample.guidance, mirrored.guidance, strict=True):
        assert torch.equal(own.flip(2), other)
        assert not torch.equal(own, other)


def test_a_mirrored_pair_has_the_answer_to_its_own_left_image(guided: Scenes, teacher: LangSegTeacher) -> None:
    """That is the mirrored right image, which the teacher was asked about too."""
    spec = replace(tiny_street.SPEC, pair=("right", "focal_baseline"))
    cache = replace(guided.cache, spec=spec)
    sequences = [guided.frames[0][0]]
    scenes = Scenes(sequences, cache, SceneAugmentation(flip=0.5), guidance=guided.guidance)
    wanted = scenes.guided()
    assert len(wanted) == 2 * len(scenes)
    stale = guided.guidance.stale(wanted)
    assert all(isinstance(sequence, MirroredSequence) for sequence, _ in stale)
    assert len(stale) == len(scenes)
    for _ in guided.guidance.make(stale, CPU):
        pass
    sequence, frame_id = stale[0]
    right = np.ascontiguousarray(sequences[0].frame(frame_id).right[:, ::-1])
    kept, said = guided.guidance.read(sequence, frame_id), ask(teacher, right, SIZE, CPU)
    assert torch.equal(kept.features, said.features)
    assert len(Scenes(sequences, cache, SceneAugmentation(flip=0.0)).guided()) == len(scenes)


def test_a_batch_has_the_guidance_of_its_samples(guided: Scenes) -> None:
    batch = collate_scenes([guided[0], guided[1]])
    assert isinstance(batch.guidance, PixelGuidance)
    assert torch.equal(batch.guidance.logits[1], guided[1].guidance.logits)
    assert collate_scenes([guided[0]._replace(guidance=None)]).guidance is None


# the whole way ------------------------------------------------------------------------------------------------------


def test_teacher_questions_and_guided_training_follow_each_other(
    street: Path, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher, deployed = tmp_path / "teacher.safetensors", tmp_path / "student.safetensors"
    train(arguments(street, tmp_path / "t", model__system="lang_seg", deploy=teacher, trainer__max_epochs=2))
    curves = read_curves(tmp_path / "t" / "tensorboard")
    assert {"train/image", "val/miou"} <= curves.keys()
    assert "val/depth" not in curves

    run = arguments(street, tmp_path / "s", deploy=deployed, trainer__max_epochs=2, **flags(teacher))
    with pytest.raises(SscError) as missing:
        train(run)
    told = f"{teacher} has not been asked about 6 of 6 images"
    assert told in str(missing.value)
    assert f"ssc-ros precompute-teacher {shlex.join(run)}" in str(missing.value)
    assert not (tmp_path / "s" / "checkpoints").exists()

    command = str(missing.value).partition("ssc-ros ")[2]
    assert cli.main(shlex.split(command)) == 0
    assert "6 of 6 images asked" in capsys.readouterr().out
    assert precompute_guidance(run) == 0
    assert "0 of 6 images asked" in capsys.readouterr().out

    train(run)
    terms = {name.removeprefix("train/") for name in read_curves(tmp_path / "s" / "tensorboard")}
    assert terms >= {"vl_feature", "vl_reading", "vl_logits", "depth", "image"}

    # the run goes on with what the tutor has learnt; what is deployed knows nothing of it
    kept = weights(tmp_path / "s")
    assert any(name.startswith("tutors.guidance.fusion.") for name in kept)
    assert any(name.startswith("tutors.guidance.head.") for name in kept)
    network, metadata = load_checkpoint(deployed)
    plain = tiny_street.PRESETS["l2cocc_image"]()
    assert {n: t.shape for n, t in network.state_dict().items()} == {n: t.shape for n, t in plain.state_dict().items()}
    assert metadata.inputs == (STEREO,)
    assert not any(word in deployed.read_bytes().decode("latin1") for word in ("tutor", "fusion"))


def test_an_interrupted_guided_run_ends_with_the_weights_of_an_uninterrupted_one(
    street: Path, tiny: str, tmp_path: Path
) -> None:
    options = flags(save_teacher(tmp_path / "teacher.safetensors"))
    whole, broken = (arguments(street, tmp_path / name, **options) for name in ("whole", "broken"))
    precompute_guidance(whole)
    train(whole)
    stop = ["--trainer.callbacks=tiny_street.Interrupt", "--trainer.callbacks.step=4"]
    with pytest.raises(RuntimeError, match="interrupted"):
        train([*broken, "--save_minutes=0", *stop])
    train(broken)
    assert_equal_weights(weights(tmp_path / "whole"), weights(tmp_path / "broken"))
    # the fusion has moved, so it was the optimiser that resumed
    assert weights(tmp_path / "whole")["tutors.guidance.fusion.gate_joint.weight"].any()


def test_a_teacher_that_has_changed_must_be_asked_again(street: Path, tiny: str, tmp_path: Path) -> None:
    path = save_teacher(tmp_path / "teacher.safetensors")
    run = arguments(street, tmp_path / "run", **flags(path))
    precompute_guidance(run)
    save_teacher(path, seed=6)
    with pytest.raises(SscError, match=r"6 of 6 images \(or they, or it, have changed since\)"):
        train(run)


def test_terms_are_switched_by_flags(street: Path, tiny: str, tmp_path: Path) -> None:
    path = save_teacher(tmp_path / "teacher.safetensors")
    precompute_guidance(arguments(street, tmp_path / "any", **flags(path)))
    run = arguments(street, tmp_path / "run", trainer__max_epochs=1, **flags(path, feature=0))
    train(run)
    terms = {name.removeprefix("train/") for name in read_curves(tmp_path / "run" / "tensorboard")}
    assert "vl_logits" in terms
    assert not terms & {"vl_feature", "vl_reading"}
    assert not any(name.startswith("tutors.guidance.fusion") for name in weights(tmp_path / "run"))


def test_a_training_without_a_language_teacher_has_nobody_to_ask(street: Path, tiny: str, tmp_path: Path) -> None:
    with pytest.raises(SscError, match="asks no language teacher"):
        precompute_guidance(arguments(street, tmp_path / "run"))
