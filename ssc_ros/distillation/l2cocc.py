"""L2COcc's distillation of a LiDAR model into a camera model (Wang et al., IROS 2025, section III-D).

Features (FSD), aggregation weights of the planes (TPVD) and predictions (PAD). docs/distillation.md says how the
published weights convert.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ssc_ros.core import EMPTY, UNKNOWN, SscError
from ssc_ros.distillation.teacher import FrozenTeacher
from ssc_ros.distillation.terms import affinity_distance, alignment_kl, cosine_distance
from ssc_ros.systems import SceneOutput

TEACHERS = ("l2cocc", "l2cocc_lidar")
"""Systems whose taps the terms compare."""
COLLAPSED = {"xy": 3, "yz": 1, "zx": 2}
"""Plane -> the axis of [B, X, Y, Z] that it collapses."""


@dataclass(frozen=True)
class L2CoccDistillation:
    """A teacher and the weights of the terms; a term of weight 0 is not computed.

    Attributes:
        teacher: checkpoint of the teacher.
        fsd_numeric: cosine distance of the features, mean over all levels of all planes, the volume before the planes
            and the volume after them.
        fsd_relation: difference of the affinities within the finest neck output, sum over the planes.
        tpvd: divergence of the aggregation weights, per occupied voxel of half resolution.
        pad: divergence of the predicted classes, per occupied voxel.
        voxels: how many occupied voxels `pad` looks at in a step at most, drawn anew each step; 0 is all of them.
    """

    teacher: Path
    fsd_numeric: float = 4.0
    fsd_relation: float = 5.0
    tpvd: float = 2.5
    pad: float = 3.5
    voxels: int = 131_072

    def open_teacher(self) -> FrozenTeacher:
        """Load the teacher.

        Raises:
            SscError: the checkpoint cannot be loaded, or is of a system without the taps that are compared.
        """
        teacher = FrozenTeacher(self.teacher)
        if teacher.metadata.system not in TEACHERS:
            raise SscError(
                f"teacher '{self.teacher}' is a checkpoint of {teacher.metadata.system}; choose one of {TEACHERS}"
            )
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
        coarse = _halved(occupied)
        terms: dict[str, Tensor] = {}
        if self.fsd_numeric:
            terms["fsd_numeric"] = self.fsd_numeric * _feature_distance(student, teacher, coarse)
        if self.fsd_relation:
            terms["fsd_relation"] = self.fsd_relation * _relation_distance(student, teacher)
        if self.tpvd:
            terms["tpvd"] = self.tpvd * _aggregation_divergence(student, teacher, coarse)
        if self.pad:
            terms["pad"] = self.pad * _prediction_divergence(student, teacher, occupied, self.voxels, generator)
        return terms


def _feature_distance(student: SceneOutput, teacher: SceneOutput, occupied: Tensor) -> Tensor:
    """Mean over the taps of features of their cosine distance where `occupied` [B, X, Y, Z] (half resolution)."""
    levels = sorted(name for name in {*student.taps, *teacher.taps} if name.startswith("planes."))
    distances = []
    for name in ("volume", "aggregate", *levels):
        own, others = _pair(student, teacher, name)
        mask = _columns(occupied, name.split(".")[1], own.shape[-2:]) if name in levels else occupied
        distances.append(cosine_distance(own, others, mask))
    return torch.stack(distances).mean()


def _relation_distance(student: SceneOutput, teacher: SceneOutput) -> Tensor:
    distances = [affinity_distance(*_pair(student, teacher, f"planes.{plane}.neck0")) for plane in COLLAPSED]
    return torch.stack(distances).sum()


def _aggregation_divergence(student: SceneOutput, teacher: SceneOutput, occupied: Tensor) -> Tensor:
    own, others = (logits.movedim(1, -1)[occupied] for logits in _pair(student, teacher, "aggregate.logits"))
    return alignment_kl(own, others)


def _prediction_divergence(
    student: SceneOutput, teacher: SceneOutput, occupied: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    if student.scene is None or teacher.scene is None:
        raise SscError("distillation compares predicted scenes, but one of the two networks predicts none")
    index = occupied.reshape(-1).nonzero()[:, 0]
    if 0 < count < len(index):
        index = index[torch.randperm(len(index), generator=generator)[:count].to(index.device)]
    return alignment_kl(student.scene.gather(index), teacher.scene.gather(index))


def _halved(occupied: Tensor) -> Tensor:
    """[B, 2X, 2Y, 2Z] bool -> [B, X, Y, Z] bool: any of the eight children."""
    return functional.max_pool3d(occupied[:, None].float(), 2)[:, 0] > 0


def _columns(occupied: Tensor, plane: str, size: torch.Size) -> Tensor:
    """[B, X, Y, Z] bool -> [B, *size] bool: the cells of a plane's feature map over which anything is occupied."""
    columns = occupied.any(dim=COLLAPSED[plane])
    return functional.adaptive_max_pool2d(columns[:, None].float(), list(size))[:, 0] > 0


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
