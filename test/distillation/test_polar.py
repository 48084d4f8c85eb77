"""Cylinder3D teaches PolarNet: terms in closed form, what is trained, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ssc_ros.core import SEMANTIC_KITTI, PolarGrid, SscError
from ssc_ros.distillation import Lesson, PolarDistillation
from ssc_ros.distillation.polar import LAST, LEVELS, PolarTutor, label_weights
from ssc_ros.networks.heads.point_logits import PointLogits
from ssc_ros.networks.sparse.sites import Sites
from ssc_ros.systems import SYSTEMS, SceneNetwork, SceneOutput

from ..training import tiny_polar
from .checkpoints import checkpoint


@pytest.fixture(autouse=True)
def _presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SYSTEMS["polarnet"], "tiny", tiny_polar.polarnet)
    monkeypatch.setitem(SYSTEMS["cylinder3d"], "tiny", tiny_polar.cylinder3d)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """Checkpoint of a teacher that has seen something, so that its statistics are not those of a new one."""
    torch.manual_seed(1)
    network = tiny_polar.cylinder3d().train()
    network(lesson().inputs)
    return checkpoint(tmp_path / "teacher.safetensors", network, "cylinder3d")


def lesson(seed: int = 0) -> Lesson:
    random = np.random.default_rng(seed)
    cloud = random.uniform((-12, -12, -2, 0), (12, 12, 1, 1), (2, 900, 4)).astype(np.float32)
    labels = random.integers(0, 20, (2, 900)).astype(np.uint8)
    weights = torch.linspace(0, 100, 20)
    return Lesson({"cloud": torch.from_numpy(cloud)}, torch.from_numpy(labels), class_weights=weights)


def tutor(teacher: Path, **weights: float) -> PolarTutor:
    return PolarDistillation(teacher, **weights).tutor(tiny_polar.polarnet, SEMANTIC_KITTI)


def terms(tutor: PolarTutor, student: SceneNetwork, of: Lesson) -> dict[str, Tensor]:
    return tutor(student(of.inputs), of, torch.Generator())


def test_weights_add_up_over_the_heights_of_a_pillar() -> None:
    """Cells of 1 x 2 x 3: in the first pillar a car and a bicycle, in the second one unlabelled and a truck."""
    sites = Sites(torch.tensor([0, 2, 3, 5]), (1, 2, 3), 1)
    points = PointLogits(torch.zeros(4, 20), sites, torch.tensor([[0, 1, 2, 3]]))
    output = SceneOutput(None, points=points)
    labels = torch.tensor([[1, 2, 0, 4]], dtype=torch.uint8)
    weights = torch.tensor([0.0, 25, 50, 1, 10, *[1.0] * 15])
    found = label_weights(output, Lesson({}, labels, class_weights=weights))
    torch.testing.assert_close(found, torch.tensor([[[1.5, 0.2]]]))


def test_each_term_can_be_switched_and_has_its_weight(teacher: Path) -> None:
    torch.manual_seed(0)
    student, given = tiny_polar.polarnet().train(), lesson()
    names = ("voxel_to_pillar", "label_weight", "logits")
    off = dict.fromkeys(names, 0.0)
    assert terms(tutor(teacher, **off), student, given) == {}
    for name in names:
        alone = tutor(teacher, **off | {name: 1.0}, threshold=0.0)
        double = tutor(teacher, **off | {name: 2.0}, threshold=0.0)
        double.load_state_dict(alone.state_dict())
        (key, value), (same, larger) = (next(iter(terms(t, student, given).items())) for t in (alone, double))
        assert key == same == name
        assert value > 0
        torch.testing.assert_close(larger, 2 * value)
    plain, squared = (tutor(teacher, **off | {"logits": 1.0}, threshold=0.0, temperature=4.0, temperature_squared=s)
                      for s in (False, True))  # fmt: skip
    value, larger = (terms(t, student, given)["logits"] for t in (plain, squared))
    torch.testing.assert_close(larger, 16 * value)


def test_features_are_compared_behind_the_adapters(teacher: Path) -> None:
    torch.manual_seed(0)
    student, given, asked = tiny_polar.polarnet().eval(), lesson(), tutor(teacher).eval()
    output, taught = student(given.inputs), asked.teacher(given.inputs)
    adapted = {name: asked.adapters[name.replace(".", "_")](taught.taps[name]) for name in (*LEVELS, LAST)}
    found = asked(output, given, torch.Generator())
    squares = [(output.taps[name] - adapted[name]).square().mean() for name in LEVELS]
    torch.testing.assert_close(found["voxel_to_pillar"], 2 * sum(squares))
    weight = label_weights(output, given)
    total = ((output.taps[LAST] - adapted[LAST]).square() * weight[:, None]).sum() / weight.numel()
    torch.testing.assert_close(found["label_weight"], 2 * total.sqrt())


def test_student_and_adapters_learn_and_the_teacher_does_not(teacher: Path) -> None:
    torch.manual_seed(0)
    student, asked = tiny_polar.polarnet().train(), tutor(teacher, threshold=0.0).train()
    before = {name: tensor.clone() for name, tensor in asked.teacher._network.state_dict().items()}
    learnt = [*student.parameters(), *asked.parameters()]
    optimizer = torch.optim.SGD(learnt, lr=0.1)
    for seed in range(3):
        optimizer.zero_grad()
        sum(terms(asked, student, lesson(seed)).values()).backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in asked.parameters())
        optimizer.step()
    after = asked.teacher._network.state_dict()
    assert [name for name in before if not torch.equal(before[name], after[name])] == []
    assert not asked.teacher._network.training
    assert not any(name.startswith("teacher") for name in asked.state_dict())


def test_what_cannot_teach_is_refused(teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(tiny_polar.SPEC, polar=PolarGrid((16, 16, 4), (1.0, 13.0), (-2.2, 1.4)))
    with pytest.raises(SscError, match="polar grid"):
        PolarDistillation(teacher).tutor(partial(tiny_polar.polarnet, other), SEMANTIC_KITTI)
    monkeypatch.setattr("ssc_ros.distillation.polar.LAST", "bird.up9")
    with pytest.raises(SscError, match=r"lacks bird\.up9"):
        tutor(teacher)
