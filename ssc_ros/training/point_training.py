"""A network that gives classes to points as a Lightning module."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor

from ssc_ros.core import EMPTY, UNKNOWN, SscError
from ssc_ros.distillation import Lesson, PolarDistillation, Recipe
from ssc_ros.evaluation.points import point_scores
from ssc_ros.networks.heads.point_logits import PointLogits
from ssc_ros.systems import SceneOutput
from ssc_ros.training.class_objective import ClassObjective
from ssc_ros.training.sweep_data import SweepData, SweepSample
from ssc_ros.training.training_base import NetworkTraining


@dataclass(frozen=True)
class PointObjective(ClassObjective):
    """Weights of the loss terms on the cells with labelled points; see `ClassObjective`."""

    def __call__(self, points: PointLogits, labels: Tensor, class_weights: Tensor) -> dict[str, Tensor]:
        """Weighted terms by name; their sum is minimised.

        Args:
            points: what was predicted.
            labels: [B, N] uint8 train ids of the points, 0 where unlabelled.
            class_weights: (C,) of the cross entropy.
        """
        truth = points.truth(labels)
        return self.terms(points.cells, torch.where(truth == EMPTY, UNKNOWN, truth), class_weights)


class SegmentationTraining(NetworkTraining):
    """Training and validation of a network that gives classes to points, alone or under a teacher that does too.

    Validation scores points as the official evaluation does.

    Args:
        system: name of a system.
        preset: its sizes.
        label_set: name of the label set.
        objective: weights of the losses.
        distillation: a teacher on the same cells, and the weights of its terms.
        pretrained: checkpoints by the block that starts from them, such as one of the same system by "unet".
        learning_rate: at the top of the cycle.
        weight_decay: of the weights; biases and normalisation are left alone.
        warm_up: fraction of all steps before the top.
        frequencies: class weights are 1 / (s + 0.001) of the shares s of points, those of the label set or of the
            training sweeps.
        seed: of what is drawn.
    """

    def __init__(
        self,
        system: str = "polarnet",
        preset: str = "edge",
        label_set: str = "semantic_kitti",
        objective: PointObjective = PointObjective(),
        distillation: PolarDistillation | None = None,
        pretrained: dict[str, Path] | None = None,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.01,
        warm_up: float = 0.1,
        frequencies: Literal["label_set", "training"] = "label_set",
        seed: int = 0,
    ) -> None:
        recipes: dict[str, Recipe | None] = {"distillation": distillation}
        super().__init__(
            system, preset, label_set, recipes, pretrained, None, learning_rate, weight_decay, warm_up, seed
        )
        if self.network.spec.polar is None:
            raise SscError(f"{system} gives no classes to points; take polarnet or cylinder3d, or leave out --task")
        self.objective, self.frequencies = objective, frequencies
        shares = np.array(self.label_set.point_shares or (1.0,) * len(self.label_set))
        self.register_buffer("class_weights", class_weights(shares))

    def on_fit_start(self) -> None:
        """Count the classes where asked to, and see `NetworkTraining`."""
        if self.frequencies == "training":
            shares = cast("SweepData", self.data).train_sweeps.class_shares()
            self.class_weights.copy_(class_weights(shares))
        super().on_fit_start()

    def truth(self, output: SceneOutput, batch: SweepSample, generator: torch.Generator) -> dict[str, Tensor]:
        """The objective; see `NetworkTraining`."""
        return self.objective(_points(output), batch.labels, self.class_weights)

    def lesson(self, batch: SweepSample) -> Lesson:
        """Inputs, labels of points and the class weights."""
        return Lesson(batch.inputs, batch.labels, class_weights=self.class_weights)

    def validation_step(self, batch: SweepSample, batch_index: int) -> None:
        """Count what is predicted against what is there."""
        prediction = _points(self.network(batch.inputs)).labels()
        self.confusion.add(prediction.cpu().numpy(), batch.labels.cpu().numpy())

    def on_validation_epoch_end(self) -> None:
        """Add up the processes' counts and log the scores."""
        self.gather_counts()
        scores = point_scores(self.confusion)
        self.log_scores({"miou": scores.miou, "accuracy": scores.accuracy}, scores.per_class)


def class_weights(shares: np.ndarray) -> Tensor:
    """(C,) float32 weights 1 / (s + 0.001) of shares of points; "unlabelled" has none."""
    weights = 1 / (torch.from_numpy(shares) + 0.001)
    weights[EMPTY] = 0
    return weights.float()


def _points(output: SceneOutput) -> PointLogits:
    assert output.points is not None, "a network with a polar grid gives classes to points"
    return output.points
