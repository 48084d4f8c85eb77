"""What stands between a recipe of distillation and the module that trains a student under it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from ssc_ros.core import LabelSet
from ssc_ros.distillation.language import LanguageTeacher, PixelGuidance
from ssc_ros.systems import InputSpec, SceneInputs, SceneNetwork, SceneOutput


class Lesson(NamedTuple):
    """A batch, as a tutor sees it.

    Attributes:
        inputs: of the student and of its teacher.
        labels: [B, X, Y, Z] uint8 truth at full resolution, 255 where unknown; or, of the points of sweeps, [B, N]
            uint8, 0 where unlabelled.
        guidance: precomputed answers of a language teacher, where the tutor wants them.
        class_weights: (C,) of the cross entropy, where the tutor wants them.
    """

    inputs: SceneInputs
    labels: Tensor
    guidance: PixelGuidance | None = None
    class_weights: Tensor | None = None


@dataclass(frozen=True)
class Guide:
    """A language teacher whose answers are computed once, before training.

    Attributes:
        teacher: who answers.
        size: (h, w), the cells of an image that the student has features of.
    """

    teacher: LanguageTeacher
    size: tuple[int, int]


class Tutor(nn.Module, ABC):
    """Adds terms to what a student minimises. Its parameters, if any, are trained with the student's, saved in the
    checkpoints of the training, and never deployed.

    Attributes:
        spec: what its teacher reads of a lesson's inputs, beside what the student reads; None if it asks none.
        guide: whose precomputed answers a lesson must hold; None if it needs none.
    """

    spec: InputSpec | None = None
    guide: Guide | None = None

    def start(self, device: torch.device) -> None:
        """Move what is not a parameter to the device of the training."""

    @abstractmethod
    def forward(self, student: SceneOutput, lesson: Lesson, generator: torch.Generator) -> dict[str, Tensor]:
        """Weighted terms by name.

        Args:
            student: what the network in training made of the lesson.
            lesson: the batch.
            generator: a CPU generator, for whatever is drawn.
        """


class Recipe(Protocol):
    """What a configuration says of a distillation."""

    def tutor(self, make: Callable[[], SceneNetwork], label_set: LabelSet) -> Tutor:
        """A tutor for the network that `make` builds; only its shapes are looked at.

        Raises:
            SscError: the teacher cannot be opened, or cannot teach this student.
        """
