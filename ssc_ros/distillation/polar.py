"""Distillation of a volume of polar cells into a map seen from above (Jiang et al., ICME 2023, arXiv 2304.11393).

Features (voxel-to-pillar, VPD), features weighted by what is there (label-weight, LWD) and predictions.
docs/distillation.md says what differs from the published code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import LabelSet, SscError
from ssc_ros.distillation.teacher import FrozenTeacher
from ssc_ros.distillation.terms import label_weighted_distance, selected_divergence
from ssc_ros.distillation.tutor import Lesson, Tutor
from ssc_ros.systems import SceneNetwork, SceneOutput, build
from ssc_ros.systems.dry_run import dry_run

LEVELS = ("bird.down1", "bird.down3", "bird.up3", "bird.up1")
"""Taps of `voxel_to_pillar`; the number is how often the map is halved."""
LAST = "bird.up0"
"""Tap of `label_weight`: what the classifier reads, at full size."""
WEIGHT_UNIT = 50.0
"""Class weight that counts as one in `label_weight`."""


@dataclass(frozen=True)
class PolarDistillation:
    """A teacher and the weights of the terms; a term of weight 0 is not computed and has no adapters.

    Attributes:
        teacher: checkpoint of the teacher.
        voxel_to_pillar: squared distance of the features, mean over each of four layers, summed over them.
        label_weight: root of the squared distance of the last features, weighted by the classes of the cells.
        logits: divergence of the predicted classes, where they differ enough.
        temperature: of `logits`.
        temperature_squared: whether `logits` is multiplied by the square of the temperature, which keeps its gradient
            at the size it has at temperature 1; the paper leaves it out.
        threshold: divergence per class from which on a cell counts in `logits`.
    """

    teacher: Path
    voxel_to_pillar: float = 2.0
    label_weight: float = 2.0
    logits: float = 1.0
    temperature: float = 10.0
    temperature_squared: bool = False
    threshold: float = 0.01

    @property
    def taps(self) -> tuple[str, ...]:
        """The taps that the terms compare."""
        return (*(LEVELS if self.voxel_to_pillar else ()), *((LAST,) if self.label_weight else ()))

    def tutor(self, make: Callable[[], SceneNetwork], label_set: LabelSet) -> PolarTutor:
        """Teacher, adapters and terms for the network that `make` builds.

        Raises:
            SscError: a checkpoint that cannot be loaded, has other cells or classes than the student, or lacks what
                is compared.
        """
        teacher = FrozenTeacher(self.teacher)
        with torch.device("meta"):
            teacher.check_compatible(make().spec, label_set)
        student, other = dry_run(make), dry_run(partial(build, teacher.metadata.system, teacher.metadata.preset))
        for who, output in (("student", student), ("teacher", other)):
            missing = sorted(set(self.taps) - set(output.taps))
            if missing or output.points is None:
                raise SscError(
                    f"distillation compares classes of points and the taps {', '.join(self.taps)}, but the {who} "
                    f"'{teacher.path if who == 'teacher' else ''}' lacks {', '.join(missing) or 'classes of points'}"
                )
        channels = {name: (other.taps[name].shape[1], student.taps[name].shape[1]) for name in self.taps}
        return PolarTutor(self, teacher, channels)


class PolarTutor(Tutor):
    """The teacher beside its student, and the adapters between their features, which are trained with the student.

    Args:
        recipe: weights of the terms.
        teacher: that is asked in every step.
        channels: tap -> channels in the teacher and in the student.
    """

    def __init__(
        self, recipe: PolarDistillation, teacher: FrozenTeacher, channels: Mapping[str, tuple[int, int]]
    ) -> None:
        super().__init__()
        self.recipe, self.teacher, self.spec = recipe, teacher, teacher.spec
        self.adapters = nn.ModuleDict({_key(name): adapter(*pair) for name, pair in channels.items()})

    def start(self, device: torch.device) -> None:
        """Move the teacher, which is no module."""
        self.teacher.to(device)

    def forward(self, student: SceneOutput, lesson: Lesson, generator: torch.Generator) -> dict[str, Tensor]:
        """Weighted terms by name: those of `voxel_to_pillar`, `label_weight` and `logits` that have a weight."""
        teacher, recipe = self.teacher(lesson.inputs), self.recipe
        adapted = {name: self.adapters[_key(name)](teacher.taps[name]).float() for name in recipe.taps}
        terms: dict[str, Tensor] = {}
        if recipe.voxel_to_pillar:
            distances = [functional.mse_loss(student.taps[name].float(), adapted[name]) for name in LEVELS]
            terms["voxel_to_pillar"] = recipe.voxel_to_pillar * torch.stack(distances).sum()
        if recipe.label_weight:
            distance = label_weighted_distance(
                student.taps[LAST].float(), adapted[LAST], label_weights(student, lesson)
            )
            terms["label_weight"] = recipe.label_weight * distance
        if recipe.logits:
            assert student.points is not None
            assert teacher.points is not None
            divergence = selected_divergence(
                student.points.cells, teacher.points.cells, recipe.temperature, recipe.threshold
            )
            scale = recipe.temperature**2 if recipe.temperature_squared else 1.0
            terms["logits"] = recipe.logits * scale * divergence
        return terms


def adapter(teacher: int, student: int) -> nn.Sequential:
    """[B, teacher, R, A] -> [B, student, R, A]."""
    return nn.Sequential(
        nn.BatchNorm2d(teacher),
        nn.Conv2d(teacher, student, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(student),
    )


def label_weights(student: SceneOutput, lesson: Lesson) -> Tensor:
    """[B, R, A] sum over the heights of the class weights of the labelled cells, in units of `WEIGHT_UNIT`."""
    assert student.points is not None
    assert lesson.class_weights is not None
    sites = student.points.sites
    ranges, azimuths, heights = sites.shape
    weights = lesson.class_weights[student.points.truth(lesson.labels)] / WEIGHT_UNIT
    columns = weights.new_zeros(sites.batch * ranges * azimuths)
    return columns.index_add(0, sites.cells // heights, weights).view(sites.batch, ranges, azimuths)


def _key(tap: str) -> str:
    """A module's name cannot have a dot."""
    return tap.replace(".", "_")
