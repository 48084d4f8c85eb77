"""A frozen teacher: nothing that happens to the student, or to what holds both, changes it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ssc_ros.core import SEMANTIC_KITTI, SSCBENCH_KITTI_360, STEREO, SceneGrid, SscError
from ssc_ros.distillation import FrozenTeacher, L2CoccDistillation
from ssc_ros.systems import SYSTEMS

from . import tiny
from .checkpoints import checkpoint


@pytest.fixture(autouse=True)
def _presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SYSTEMS["l2cocc"], "tiny", tiny.camera)
    monkeypatch.setitem(SYSTEMS["l2cocc_lidar"], "tiny", tiny.lidar)
    monkeypatch.setitem(SYSTEMS["l2cocc_image"], "tiny", lambda: tiny.camera().image)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Checkpoint of a LiDAR model that has seen something, so that its statistics are not those of a new one."""
    torch.manual_seed(1)
    network = tiny.lidar().train()
    network(tiny.inputs())
    return checkpoint(tmp_path / "teacher.safetensors", network, "l2cocc_lidar")


def memory(teacher: FrozenTeacher) -> dict[str, Tensor]:
    """A copy of every parameter and buffer."""
    return {name: tensor.clone() for name, tensor in teacher._network.state_dict().items()}


class Student(nn.Module):
    """Holds a network and its teacher, as the Lightning module does that trains one under the other."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = tiny.camera()
        self.distillation = L2CoccDistillation(path)
        self.teacher = self.distillation.open_teacher(tiny.camera, SEMANTIC_KITTI)

    def loss(self) -> Tensor:
        batch, generator = tiny.inputs(), torch.Generator().manual_seed(0)
        terms = self.distillation(self.network(batch), self.teacher(batch), tiny.labels(), generator)
        return torch.stack(list(terms.values())).sum()


def test_steps_of_the_student_leave_the_teacher_bit_identical(path: Path) -> None:
    student = Student(path)
    before, said = memory(student.teacher), student.teacher(tiny.inputs())
    learnt = {name: parameter.detach().clone() for name, parameter in student.network.named_parameters()}
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-2)
    for _ in range(3):
        student.train()  # what Lightning calls before every epoch
        optimizer.zero_grad()
        student.loss().backward()
        optimizer.step()

    after = memory(student.teacher)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    again = student.teacher(tiny.inputs())
    assert torch.equal(said.scene.dense(), again.scene.dense())
    assert all(torch.equal(said.taps[name], again.taps[name]) for name in said.taps)
    # the student did move, all of it but what only the supervision of depth and pixels reaches
    still = {name for name, old in learnt.items() if torch.equal(old, student.network.get_parameter(name))}
    assert {name.split(".")[0] for name in still} <= {"image"}
    assert len(still) < len(learnt) / 4


def test_the_module_that_holds_a_teacher_does_not_own_it(path: Path) -> None:
    student = Student(path)
    own = {id(tensor) for tensor in (*student.teacher._network.parameters(), *student.teacher._network.buffers())}
    assert own
    assert own.isdisjoint({id(tensor) for tensor in (*student.parameters(), *student.buffers())})
    assert not any("teacher" in name for name in student.state_dict())
    for switch in (student.train, student.eval, student.train):
        switch()
        assert not any(module.training for module in student.teacher._network.modules())
    student.requires_grad_()
    assert not any(parameter.requires_grad for parameter in student.teacher._network.parameters())


def test_a_teacher_answers_without_gradients_as_the_network_of_its_checkpoint(path: Path) -> None:
    teacher = FrozenTeacher(path).to(torch.device("cpu"))
    answer = teacher(tiny.inputs())
    assert not any(tap.requires_grad for tap in answer.taps.values())
    assert answer.scene.dense().grad_fn is None
    # by the statistics of the checkpoint, not of the batch: each sweep is answered as if it came alone
    alone = teacher({name: tensor[:1] for name, tensor in tiny.inputs().items()})
    torch.testing.assert_close(answer.scene.dense()[:1], alone.scene.dense())


def test_a_camera_model_can_teach_too_but_not_on_images_of_another_size(tmp_path: Path) -> None:
    teacher = FrozenTeacher(checkpoint(tmp_path / "camera.safetensors", tiny.camera(), "l2cocc"))
    teacher.check_compatible(tiny.SPEC, SEMANTIC_KITTI)
    with pytest.raises(SscError, match=r"image size \(32, 64\), but the student for \(64, 64\)"):
        teacher.check_compatible(replace(tiny.SPEC, image_size=(64, 64)), SEMANTIC_KITTI)


def test_another_grid_or_label_set_is_refused_by_naming_both(path: Path) -> None:
    teacher = FrozenTeacher(path)
    assert STEREO not in teacher.spec.sensors
    teacher.check_compatible(replace(tiny.SPEC, image_size=(64, 64)), SEMANTIC_KITTI)  # it sees no image
    shifted = SceneGrid((1.0, -3.2, -2.0), 0.4, (16, 16, 8))
    with pytest.raises(SscError, match=r"min_corner=\(0.0, .* but the student .*min_corner=\(1.0, "):
        teacher.check_compatible(replace(tiny.SPEC, grid=shifted), SEMANTIC_KITTI)
    with pytest.raises(SscError, match=r"label set semantic_kitti, but the student for sscbench_kitti_360"):
        teacher.check_compatible(tiny.SPEC, SSCBENCH_KITTI_360)


def test_a_missing_cut_or_foreign_checkpoint_is_one_clear_error(path: Path, tmp_path: Path) -> None:
    with pytest.raises(SscError, match=r"nowhere.safetensors' does not exist"):
        FrozenTeacher(tmp_path / "nowhere.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SscError, match="cut short"):
        FrozenTeacher(cut)
    with pytest.raises(SscError, match="does not fit l2cocc_lidar/tiny"):
        FrozenTeacher(checkpoint(tmp_path / "other.safetensors", tiny.camera(), "l2cocc_lidar"))
    with pytest.raises(SscError, match="system 'nonsense' does not exist"):
        FrozenTeacher(checkpoint(tmp_path / "unknown.safetensors", tiny.camera(), "nonsense"))


def test_a_teacher_without_what_is_compared_is_refused_before_any_step(path: Path, tmp_path: Path) -> None:
    image = checkpoint(tmp_path / "image.safetensors", tiny.camera().image, "l2cocc_image")
    with pytest.raises(SscError, match=r"compares tap 'volume', but the teacher has only \['image.context'\]"):
        L2CoccDistillation(image).open_teacher(tiny.camera, SEMANTIC_KITTI)
    predictions = L2CoccDistillation(image, fsd_numeric=0, fsd_relation=0, tpvd=0)
    with pytest.raises(SscError, match="the teacher predicts none"):
        predictions.open_teacher(tiny.camera, SEMANTIC_KITTI)
    with pytest.raises(SscError, match="label set semantic_kitti, but the student for sscbench_kitti_360"):
        L2CoccDistillation(path).open_teacher(tiny.camera, SSCBENCH_KITTI_360)
    wide = partial(tiny.lidar, volume=12)
    with pytest.raises(SscError, match=r"tap 'volume' is \(1, 12, .* in the student and \(1, 8, .* in the teacher"):
        L2CoccDistillation(path).open_teacher(wide, SEMANTIC_KITTI)
    # what is not compared may be as it likes
    planes_alone = L2CoccDistillation(path, fsd_numeric=0)
    assert planes_alone.open_teacher(wide, SEMANTIC_KITTI).path == path
