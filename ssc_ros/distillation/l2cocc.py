"""L2COcc's distillation of a LiDAR model into a camera model (Wang et al., IROS 2025, section III-D).

Features (FSD), aggregation weights of the planes (TPVD) and predictions (PAD). docs/distillation.md says how the
published weights convert.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ssc_ros.core import EMPTY, UNKNOWN, LabelSet, SscError
from ssc_ros.distillation.teacher import FrozenTeacher
from ssc_ros.distillation.terms import affinity_distance, alignment_kl, cosine_distance
from ssc_ros.distillation.tutor import Lesson, Tutor
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.systems import SceneNetwork, SceneOutput, build
from ssc_ros.systems.dry_run import dry_run

COLLAPSED = {"xy": 3, "yz": 1, "zx": 2}
"""Plane -> the axis of [B, X, Y, Z] that it collapses."""
RELATED = [f"planes.{plane}.neck0" for plane in COLLAPSED]
"""Taps whose affinities are compared: the finest output of the neck."""
WEIGHTS = "aggregate.logits"
"""Tap of the aggregation weights, before their softmax."""


@dataclass(frozen=True)
class L2CoccDistillation:
    """A teacher and the weights of the terms; a term of weight 0 is not computed.

    Attributes:
        teacher: checkpoint of the teacher.
        fsd_numeric: cosine distance of the features, mean over all levels of all planes, the volume before the planes
            and the volume after them.
        fsd_relation: difference of the affinities within the finest neck output, sum over the planes.
        tpvd: divergence of the aggregation weights, per occupied voxel of the volume.
        pad: divergence of the predicted classes, per occupied voxel.
        pad_right: leave the voxels out of `pad` whose class the teacher does not get right; the paper has all.
        voxels: how many occupied voxels `pad` looks at in a step at most, drawn anew each step; 0 is all of them.
    """

    teacher: Path
    fsd_numeric: float = 4.0
    fsd_relation: float = 5.0
    tpvd: float = 2.5
    pad: float = 3.5
    pad_right: bool = False
    voxels: int = 131_072

    def tutor(self, make: Callable[[], SceneNetwork], label_set: LabelSet) -> L2CoccTutor:
        """Teacher and terms for the network that `make` builds.

        Raises:
            SscError: as `open_teacher`.
        """
        return L2CoccTutor(self, self.open_teacher(make, label_set))

    def open_teacher(self, make: Callable[[], SceneNetwork], label_set: LabelSet) -> FrozenTeacher:
        """The teacher, after making sure that it can teach a student.

        Args:
            make: builds the student; only its shapes are looked at.
            label_set: that the student learns.

        Raises:
            SscError: a checkpoint that cannot be loaded, is of another grid or label set than the student, or of a
                network that does not have what is compared in the student's shapes.
        """
        teacher = FrozenTeacher(self.teacher)
        with torch.device("meta"):
            teacher.check_compatible(make().spec, label_set)
        student, other = dry_run(make), dry_run(partial(build, teacher.metadata.system, teacher.metadata.preset))
        names = [
            *(_features(student, other) if self.fsd_numeric else ()),
            *(RELATED if self.fsd_relation else ()),
            *([WEIGHTS] if self.tpvd else ()),
        ]
        for name in names:
            _pair(student, other, name)
        if self.pad:
            _scenes(student, other)
        return teacher

    def __call__(
        self, student: SceneOutput, teacher: SceneOutput, labels: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Weighted terms by name: those of `fsd_numeric`, `fsd_relation`, `tpvd` and `pad` that have a weight.

        Args:
            student: of the network in training.
            teacher: of the frozen teacher, for the same scenes.
            labels: [B, X, Y, Z] uint8 truth at full resolution, 255 where unknown.
            generator: draws the voxels of `pad`; a CPU generator.

        Raises:
            SscError: a tap is missing in one of the two, or has another shape.
        """
        occupied = (labels != EMPTY) & (labels != UNKNOWN)
        terms: dict[str, Tensor] = {}
        if self.fsd_numeric:
            terms["fsd_numeric"] = self.fsd_numeric * _feature_distance(student, teacher, occupied)
        if self.fsd_relation:
            terms["fsd_relation"] = self.fsd_relation * _relation_distance(student, teacher)
        if self.tpvd:
            terms["tpvd"] = self.tpvd * _aggregation_divergence(student, teacher, occupied)
        if self.pad:
            index = _drawn(occupied, self.voxels, generator)
            truth = labels.reshape(-1)[index] if self.pad_right else None
            terms["pad"] = self.pad * _prediction_divergence(student, teacher, index, truth)
        return terms


class L2CoccTutor(Tutor):
    """The teacher beside its student, without parameters of its own.

    Args:
        recipe: weights of the terms.
        teacher: that is asked in every step.
    """

    def __init__(self, recipe: L2CoccDistillation, teacher: FrozenTeacher) -> None:
        super().__init__()
        self.recipe, self.teacher = recipe, teacher
        self.spec = teacher.spec

    def start(self, device: torch.device) -> None:
        """Move the teacher, which is no module."""
        self.teacher.to(device)

    def forward(self, student: SceneOutput, lesson: Lesson, generator: torch.Generator) -> dict[str, Tensor]:
        """The terms of the recipe."""
        return self.recipe(student, self.teacher(lesson.inputs), lesson.labels, generator)


def _feature_distance(student: SceneOutput, teacher: SceneOutput, occupied: Tensor) -> Tensor:
    """Mean over the taps of features of their cosine distance where `occupied` [B, X, Y, Z] (full resolution)."""
    distances = []
    for name in _features(student, teacher):
        own, others = _pair(student, teacher, name)
        if name.startswith("planes."):
            mask = _columns(_shrunk(occupied, student.taps["volume"]), name.split(".")[1], own.shape[-2:])
        else:
            mask = _shrunk(occupied, own)
        distances.append(cosine_distance(own, others, mask))
    return torch.stack(distances).mean()


def _relation_distance(student: SceneOutput, teacher: SceneOutput) -> Tensor:
    return torch.stack([affinity_distance(*_pair(student, teacher, name)) for name in RELATED]).sum()


def _aggregation_divergence(student: SceneOutput, teacher: SceneOutput, occupied: Tensor) -> Tensor:
    pair = _pair(student, teacher, WEIGHTS)
    own, others = (logits.movedim(1, -1)[_shrunk(occupied, logits)] for logits in pair)
    return alignment_kl(own, others)


def _drawn(occupied: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Flat indices of occupied voxels [B, X, Y, Z], `count` of them at most; all for a count of 0."""
    index = occupied.reshape(-1).nonzero()[:, 0]
    if 0 < count < len(index):
        index = index[torch.randperm(len(index), generator=generator)[:count].to(index.device)]
    return index


def _prediction_divergence(student: SceneOutput, teacher: SceneOutput, index: Tensor, truth: Tensor | None) -> Tensor:
    """Mean over the voxels of an index [N]; those where the teacher misses the truth [N], if it is given, count 0."""
    own, others = (scene.gather(index) for scene in _scenes(student, teacher))
    if truth is None:
        return alignment_kl(own, others)
    right = others.argmax(dim=1) == truth
    return alignment_kl(own[right], others[right]) * (right.sum() / max(1, len(index)))


def _shrunk(occupied: Tensor, volume: Tensor) -> Tensor:
    """[B, X, Y, Z] bool -> bool of a volume [B, C, X / n, Y / n, Z / n]: any of each voxel's parts."""
    return functional.adaptive_max_pool3d(occupied[:, None].float(), volume.shape[2:])[:, 0] > 0


def _columns(occupied: Tensor, plane: str, size: torch.Size) -> Tensor:
    """[B, X, Y, Z] bool -> [B, *size] bool: the cells of a plane's feature map over which anything is occupied."""
    columns = occupied.any(dim=COLLAPSED[plane])
    return functional.adaptive_max_pool2d(columns[:, None].float(), list(size))[:, 0] > 0


def _features(student: SceneOutput, teacher: SceneOutput) -> list[str]:
    """Names of the taps of features in either of the two."""
    levels = sorted(name for name in {*student.taps, *teacher.taps} if name.startswith("planes."))
    return ["volume", "aggregate", *levels]


def _pair(student: SceneOutput, teacher: SceneOutput, name: str) -> tuple[Tensor, Tensor]:
    """The tap of that name in both.

    Raises:
        SscError: one of the two lacks it, or their shapes differ.
    """
    for who, output in (("student", student), ("teacher", teacher)):
        if name not in output.taps:
            raise SscError(f"distillation compares tap '{name}', but the {who} has only {sorted(output.taps)}")
    own, others = student.taps[name], teacher.taps[name]
    if own.shape != others.shape:
        raise SscError(
            f"tap '{name}' is {tuple(own.shape)} in the student and {tuple(others.shape)} in the teacher; there are no "
            "adapters between them, so choose presets of the same widths"
        )
    return own, others


def _scenes(student: SceneOutput, teacher: SceneOutput) -> tuple[SceneLogits, SceneLogits]:
    """What both predict.

    Raises:
        SscError: one of the two predicts no scene.
    """
    if student.scene is None or teacher.scene is None:
        who = "student" if student.scene is None else "teacher"
        raise SscError(f"distillation compares predicted scenes, but the {who} predicts none")
    return student.scene, teacher.scene
