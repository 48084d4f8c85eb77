"""L2COcc's recipe: equal to the published terms, blind outside of its masks, clear about what does not fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from jsonargparse import auto_cli
from torch import Tensor

from ssc_ros.core import SscError
from ssc_ros.distillation import L2CoccDistillation
from ssc_ros.networks.heads.subvoxel import SubvoxelLogits, to_children
from ssc_ros.systems import SceneOutput

from . import tiny

RECIPE = L2CoccDistillation(Path("teacher.safetensors"), voxels=0)
SHAPE = (8, 8, 4)
"""Of the half-resolution volume, whose planes are 8 x 8, 8 x 4 and 8 x 4."""
PLANE_SHAPES = {"xy": (8, 8), "yz": (8, 4), "zx": (8, 4)}
LEVELS = ("stage1", "stage2", "stage3", "neck0", "neck1")


def waves(frequency: float, *shape: int) -> Tensor:
    """Numbers by formula."""
    return (frequency * torch.arange(math.prod(shape)) + 0.3).double().sin().float().reshape(shape)


def output(frequency: float, batch: int = 1, channels: int = 4) -> SceneOutput:
    """All taps and a scene, every number by formula; every level of a plane as large as the plane."""
    planes = {
        f"planes.{plane}.{level}": waves(frequency + 0.1 * i, batch, channels, *size)
        for plane, size in PLANE_SHAPES.items()
        for i, level in enumerate(LEVELS)
    }
    volumes = {
        "volume": waves(frequency, batch, channels, *SHAPE),
        "aggregate": waves(frequency + 0.5, batch, channels, *SHAPE),
        "aggregate.logits": waves(frequency, batch, 4, *SHAPE),
    }
    scene = SubvoxelLogits(waves(frequency, batch, 20, *SHAPE), waves(frequency + 0.5, batch, 8, *SHAPE))
    taps = {name: tensor.requires_grad_() for name, tensor in {**volumes, **planes}.items()}
    scene.semantic.requires_grad_()
    return SceneOutput(scene, taps=taps)


def corner(batch: int = 1) -> Tensor:
    """[B, 16, 16, 8] labels: three occupied voxels and one of unknown content in one corner, all else empty."""
    labels = torch.zeros(batch, 16, 16, 8, dtype=torch.uint8)
    labels[:, 0, 0, 0], labels[:, 2, 5, 1], labels[:, 3, 4, 1] = 9, 13, 1
    labels[:, 12, 12, 6] = 255
    return labels


def terms(
    student: SceneOutput, teacher: SceneOutput, labels: Tensor, recipe: L2CoccDistillation = RECIPE, seed: int = 0
) -> Mapping[str, Tensor]:
    return recipe(student, teacher, labels, torch.Generator().manual_seed(seed))


# distill_loss_logits, distill_loss_feature and distill_loss_aggregator_weights (weights 70, 4, 5, 10) of L2COcc,
# core/models/detectors/CameraSegmentor.py at commit d931f3c7b45c6a6a0a8f46541e06a13150629a3c, run on
# `output(1.7)` as the student of `output(2.3)` with `corner()`; its half-resolution labels are the occupied ones here.
PUBLISHED = {"fsd_numeric": 2.779512, "fsd_relation": 12.857971, "tpvd": 0.911468, "pad": 1.465112}


def test_equal_to_the_published_terms_where_levels_are_as_large_as_planes() -> None:
    values = terms(output(1.7), output(2.3), corner())
    assert {name: value.item() for name, value in values.items()} == pytest.approx(PUBLISHED, rel=1e-5)


def test_a_student_that_equals_its_teacher_costs_nothing() -> None:
    values = terms(output(1.7), output(1.7), corner())
    assert {name: value.item() for name, value in values.items()} == pytest.approx(
        dict.fromkeys(PUBLISHED, 0), abs=1e-5
    )


def test_a_batch_of_equal_scenes_costs_what_one_does() -> None:
    def repeated(frequency: float) -> SceneOutput:
        one = output(frequency)
        scene = SubvoxelLogits(*(x.expand(3, -1, -1, -1, -1) for x in (one.scene.semantic, one.scene.empty_offset)))
        return SceneOutput(scene, taps={name: tap.expand(3, *tap.shape[1:]) for name, tap in one.taps.items()})

    values = terms(repeated(1.7), repeated(2.3), corner(3))
    assert {name: value.item() for name, value in values.items()} == pytest.approx(PUBLISHED, rel=1e-5)


def test_weights_scale_and_a_term_without_weight_is_not_computed() -> None:
    bare = SceneOutput(output(1.7).scene)  # no taps: any other term would fail
    only = replace(RECIPE, fsd_numeric=0, fsd_relation=0, tpvd=0, pad=7.0)
    values = terms(bare, SceneOutput(output(2.3).scene), corner(), only)
    assert values.keys() == {"pad"}
    assert values["pad"].item() == pytest.approx(2 * PUBLISHED["pad"], rel=1e-5)
    without = terms(
        replace(output(1.7), scene=None), replace(output(2.3), scene=None), corner(), replace(RECIPE, pad=0)
    )
    assert without.keys() == {"fsd_numeric", "fsd_relation", "tpvd"}


@pytest.mark.parametrize("name", ["volume", "aggregate", "aggregate.logits"])
def test_volumes_learn_where_any_child_is_occupied_and_nowhere_else(name: str) -> None:
    student, labels = output(1.7), corner()
    torch.stack(list(terms(student, output(2.3), labels).values())).sum().backward()
    learnt = student.taps[name].grad.abs().sum(dim=1)[0].nonzero().tolist()
    children = to_children(labels)
    assert learnt == ((children > 0) & (children < 255)).any(dim=1)[0].nonzero().tolist()
    assert learnt == [[0, 0, 0], [1, 2, 0]]


def test_planes_learn_in_the_cells_over_something_occupied() -> None:
    # each level at its own, coarser size: a cell counts if any voxel of the columns that it covers is occupied
    student, teacher = (output(frequency, channels=8) for frequency in (1.7, 2.3))
    sizes = {"planes.xy.stage2": (4, 4), "planes.yz.stage2": (4, 2), "planes.zx.stage3": (2, 1)}
    for frequency, one in ((1.7, student), (2.3, teacher)):
        one.taps.update({name: waves(frequency, 1, 8, *size).requires_grad_() for name, size in sizes.items()})
    only = replace(RECIPE, fsd_relation=0, tpvd=0, pad=0)
    terms(student, teacher, corner(), only)["fsd_numeric"].backward()
    learnt = {
        name: tap.grad.abs().sum(dim=1)[0].nonzero().tolist()
        for name, tap in student.taps.items()
        if tap.grad is not None
    }
    assert learnt["planes.xy.stage1"] == [[0, 0], [1, 2]]
    assert learnt["planes.yz.stage1"] == [[0, 0], [2, 0]]
    assert learnt["planes.zx.stage1"] == [[0, 0], [1, 0]]
    assert learnt["planes.xy.stage2"] == [[0, 0], [0, 1]]
    assert learnt["planes.yz.stage2"] == [[0, 0], [1, 0]]
    assert learnt["planes.zx.stage3"] == [[0, 0]]
    assert learnt.keys() == student.taps.keys() - {"aggregate.logits"}


def test_predictions_are_compared_at_occupied_voxels_of_full_resolution() -> None:
    student, teacher, labels = output(1.7), output(2.3), corner()
    value = terms(student, teacher, labels)["pad"]
    logits = [one.scene.dense().movedim(1, -1)[(labels > 0) & (labels < 255)] for one in (student, teacher)]
    own, others = (torch.distributions.Categorical(logits=x) for x in logits)
    assert value.item() == pytest.approx(3.5 * torch.distributions.kl_divergence(others, own).mean().item(), rel=1e-5)


def test_a_teacher_may_be_followed_only_where_it_is_right() -> None:
    student, teacher = output(1.7), output(2.3)
    logits = [one.scene.dense().movedim(1, -1).reshape(-1, 20) for one in (student, teacher)]
    own, others = (torch.distributions.Categorical(logits=x) for x in logits)
    divergence = torch.distributions.kl_divergence(others, own)
    said = logits[1].argmax(dim=1)
    # nine is the truth everywhere, and what the teacher says in some voxels alone
    right = (said == 9).float()
    assert 0 < right.mean() < 1
    labels = torch.full((1, 16, 16, 8), 9, dtype=torch.uint8)
    value = terms(student, teacher, labels, replace(RECIPE, pad_right=True))["pad"]
    assert value.item() == pytest.approx(3.5 * (divergence * right).mean().item(), rel=1e-5)


def test_drawn_predictions_follow_the_generator_and_stand_for_all() -> None:
    student, teacher = output(1.7), output(2.3)
    labels = torch.full((1, 16, 16, 8), 9, dtype=torch.uint8)
    few, none = replace(RECIPE, voxels=500), replace(RECIPE, voxels=3000)
    whole = terms(student, teacher, labels)["pad"]
    draws = [terms(student, teacher, labels, few, seed)["pad"] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0].item() == pytest.approx(whole.item(), rel=0.05)
    assert terms(student, teacher, labels, none)["pad"] == whole  # there are fewer


@pytest.mark.parametrize("content", [0, 255])
def test_a_scene_without_anything_occupied_teaches_relations_alone(content: int) -> None:
    student = output(1.7)
    values = terms(student, output(2.3), torch.full((1, 16, 16, 8), content, dtype=torch.uint8))
    torch.stack(list(values.values())).sum().backward()
    assert {name for name, value in values.items() if value.item() != 0} == {"fsd_relation"}
    for name, tap in student.taps.items():
        assert torch.isfinite(tap.grad).all()
        assert tap.grad.any() == name.endswith("neck0")


def test_taps_that_are_missing_or_of_another_width_are_named() -> None:
    student, teacher = output(1.7), output(2.3)
    taps = dict(teacher.taps)
    del taps["planes.yz.stage3"]
    with pytest.raises(SscError, match=r"tap 'planes.yz.stage3', but the teacher has only \['aggregate', "):
        terms(student, replace(teacher, taps=taps), corner())
    with pytest.raises(SscError, match=r"tap 'volume', but the student has only \[\]"):
        terms(replace(student, taps={}), teacher, corner())
    with pytest.raises(SscError, match=r"tap 'volume' is \(1, 4, 8, 8, 4\) in the student and \(1, 6, 8, 8, 4\) in"):
        terms(student, output(2.3, channels=6), corner())
    with pytest.raises(SscError, match="predicts none"):
        terms(student, replace(teacher, scene=None), corner())


def test_the_camera_model_and_the_lidar_model_have_the_same_taps() -> None:
    torch.manual_seed(0)
    batch = tiny.inputs()
    student, teacher = tiny.camera()(batch), tiny.lidar().eval()(batch)
    assert student.taps.keys() == teacher.taps.keys()
    values = terms(student, teacher, tiny.labels())
    assert all(torch.isfinite(value) and value > 0 for value in values.values())
    with pytest.raises(SscError, match=r"tap 'volume' is \(2, 8, 8, 8, 4\) in the student and \(2, 12, "):
        terms(student, tiny.lidar(volume=12).eval()(batch), tiny.labels())


def configured(distillation: L2CoccDistillation | None = None) -> L2CoccDistillation | None:
    return distillation


def test_a_configuration_builds_the_recipe_and_knows_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    text = '{"teacher": "models/l.safetensors", "pad": 0, "voxels": 1000}'
    expected = L2CoccDistillation(Path("models/l.safetensors"), pad=0, voxels=1000)
    assert auto_cli(configured, args=["--distillation", text]) == expected
    assert auto_cli(configured, args=[]) is None
    for wrong, named in ((text.replace("pad", "pda"), "pda"), ('{"pad": 3.5}', "teacher")):
        with pytest.raises(SystemExit):
            auto_cli(configured, args=["--distillation", wrong])
        assert named in capsys.readouterr().err
