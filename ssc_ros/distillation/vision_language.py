"""VLScene's guidance of image features by vision and language (VLGD; Wang et al., AAAI 2025, section "VLGD").

A teacher that compares pixels with text (`ssc_ros.distillation.language`) shows the student's image features, tap
`image.context`, what it sees. docs/distillation.md derives the terms and says what differs from the published form.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import LabelSet, SscError
from ssc_ros.distillation.fusion import GatedFusion, UnitReading
from ssc_ros.distillation.language import LanguageTeacher, PixelGuidance, open_language_teacher
from ssc_ros.distillation.tutor import Guide, Lesson, Tutor
from ssc_ros.networks.backbones.residual import BasicBlock
from ssc_ros.systems import SceneNetwork, SceneOutput
from ssc_ros.systems.dry_run import dry_run

CONTEXT = "image.context"
"""Tap of the student's image features [B, C, h, w], which become its volume."""


@dataclass(frozen=True)
class VisionLanguageDistillation:
    """A language teacher and the weights of the terms; a term of weight 0 is not computed and has no parameters.

    Attributes:
        teacher: a checkpoint of `lang_seg`, a folder with CLIP in transformers' format, or the name of a CLIP on
            huggingface.co. What it says must have been computed before: ssc-ros precompute-teacher.
        feature: distance of the student's features from those fused with the teacher's.
        logits: cross entropy of a head on the student's features towards the teacher's most probable prompt.
        stop_gradient: the student follows the fused features and does not draw them to itself, and the fusion learns
            from the teacher; without, the published form, which a fusion that copies the student satisfies.
        download: whether a CLIP that is not here may be downloaded from huggingface.co.
    """

    teacher: str
    feature: float = 1.0
    logits: float = 1.0
    stop_gradient: bool = True
    download: bool = False

    def tutor(self, make: Callable[[], SceneNetwork], label_set: LabelSet) -> VisionLanguageTutor:
        """The blocks that the terms need, for the network that `make` builds.

        Raises:
            SscError: the teacher is not there or knows other classes, or the student has no image features.
        """
        teacher = open_language_teacher(self.teacher, label_set, download=self.download)
        taps = dry_run(make).taps
        if CONTEXT not in taps:
            raise SscError(f"guidance by language needs the tap '{CONTEXT}', but the student has only {sorted(taps)}")
        _, channels, height, width = taps[CONTEXT].shape
        return VisionLanguageTutor(self, teacher, channels, (height, width))


class VisionLanguageTutor(Tutor):
    """The terms of the recipe and the blocks that they train beside the student.

    Args:
        recipe: weights.
        teacher: whose answers the lessons hold.
        channels: C of the student's features.
        size: (h, w) of them.
    """

    def __init__(
        self, recipe: VisionLanguageDistillation, teacher: LanguageTeacher, channels: int, size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.recipe, self.guide = recipe, Guide(teacher, size)
        if recipe.feature:
            self.fusion = GatedFusion(channels, teacher.width, teacher.classes, copies=recipe.stop_gradient)
            if recipe.stop_gradient:
                self.reading = UnitReading(channels, teacher.width)
        if recipe.logits:
            blocks = (BasicBlock(channels, channels) for _ in range(2))
            self.head = nn.Sequential(
                OrderedDict(blocks=nn.Sequential(*blocks), classes=nn.Conv2d(channels, teacher.classes, 1))
            )

    def forward(self, student: SceneOutput, lesson: Lesson, generator: torch.Generator) -> dict[str, Tensor]:
        """Weighted terms by name: `vl_feature` and with the stop-gradient `vl_reading`; `vl_logits`."""
        assert lesson.guidance is not None, "training reads what the guide has said"
        context = student.taps[CONTEXT].float()
        guidance = PixelGuidance(*(answer.to(context) for answer in lesson.guidance))
        terms: dict[str, Tensor] = {}
        if self.recipe.feature:
            distances = (
                self._guided(context, guidance) if self.recipe.stop_gradient else self._published(context, guidance)
            )
            terms |= {name: self.recipe.feature * distance for name, distance in distances.items()}
        if self.recipe.logits:
            logits = self.head(context)
            terms["vl_logits"] = self.recipe.logits * functional.cross_entropy(logits, guidance.logits.argmax(dim=1))
        return terms

    def _guided(self, context: Tensor, guidance: PixelGuidance) -> dict[str, Tensor]:
        """The student moves to the fused features, which move to where the teacher's can be read from them."""
        fused = self.fusion(context.detach(), *guidance)
        # a unit vector of F numbers, at the size at which each of them is about one
        truth = guidance.features * guidance.features.shape[1] ** 0.5
        return {
            "vl_feature": functional.l1_loss(context, fused.detach()),
            "vl_reading": functional.l1_loss(self.reading(fused), truth),
        }

    def _published(self, context: Tensor, guidance: PixelGuidance) -> dict[str, Tensor]:
        """Student and fusion move to each other."""
        return {"vl_feature": functional.l1_loss(context, self.fusion(context, *guidance))}
