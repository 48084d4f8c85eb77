"""A scene completion network as a Lightning module."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor

from ssc_ros.distillation import L2CoccDistillation, Lesson, Recipe, VisionLanguageDistillation
from ssc_ros.losses import depth_kl
from ssc_ros.systems import SceneOutput
from ssc_ros.training.point_voxels import point_voxels
from ssc_ros.training.scene_data import SceneData
from ssc_ros.training.scene_objective import SceneObjective
from ssc_ros.training.scene_sample import SceneSample
from ssc_ros.training.scenes import Scenes
from ssc_ros.training.training_base import TrainingBase

SCORES = ("iou", "precision", "recall", "miou")


class SceneTraining(TrainingBase):
    """Training and validation of one system, alone or under a teacher.

    Validation scores whole scenes at full resolution; an image branch, which predicts no scene, is scored on the
    classes of its image cells.

    Args:
        system: name of a system.
        preset: its sizes.
        label_set: name of the label set.
        objective: weights of the losses.
        distillation: a teacher that senses more than the network, and the weights of its terms.
        guidance: a teacher that knows the image by words, and the weights of its terms.
        pretrained: checkpoints by the block that starts from them, such as one of `l2cocc_image` by "image".
        published: folders of published weights by the block that starts from them, such as "image.encoder.backbone".
        learning_rate: at the top of the cycle.
        weight_decay: of the weights; biases and normalisation are left alone.
        warm_up: fraction of all steps before the top.
        frequencies: class weights are 1 / ln(n) of voxel counts n, those of the label set or of the training scenes.
        seed: of the draws of voxels.
    """

    def __init__(
        self,
        system: str = "l2cocc",
        preset: str = "edge",
        label_set: str = "semantic_kitti",
        objective: SceneObjective = SceneObjective(),  # noqa: B008 (frozen)
        distillation: L2CoccDistillation | None = None,
        guidance: VisionLanguageDistillation | None = None,
        pretrained: dict[str, Path] | None = None,
        published: dict[str, Path] | None = None,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.01,
        warm_up: float = 0.1,
        frequencies: Literal["label_set", "training"] = "label_set",
        seed: int = 0,
    ) -> None:
        recipes: dict[str, Recipe | None] = {"distillation": distillation, "guidance": guidance}
        super().__init__(
            system, preset, label_set, recipes, pretrained, published, learning_rate, weight_decay, warm_up, seed
        )
        self.objective, self.frequencies = objective, frequencies
        self.register_buffer("class_weights", torch.from_numpy(self.label_set.class_weights))

    @property
    def scenes(self) -> Scenes:
        """The scenes of the training."""
        return cast("SceneData", self.data).train_scenes

    def on_fit_start(self) -> None:
        """Count the classes where asked to, and see `TrainingBase`."""
        if self.frequencies == "training":
            counts = self.scenes.class_counts()
            weights = 1 / np.log(np.maximum(counts, 1) + np.e)
            self.class_weights.copy_(torch.from_numpy(weights))
        super().on_fit_start()

    def loss_terms(self, output: SceneOutput, batch: SceneSample, generator: torch.Generator) -> dict[str, Tensor]:
        """The objective; see `TrainingBase`."""
        spec, points = self.network.spec, None
        if self.objective.points and "projection" in batch.inputs:
            points = point_voxels(batch.truth, batch.inputs["projection"], spec.image_size, spec.grid)
        return self.objective(output, batch.truth, spec.bins, self.class_weights, generator, points)

    def lesson(self, batch: SceneSample) -> Lesson:
        """Inputs, voxels and precomputed guidance."""
        return Lesson(batch.inputs, batch.truth.labels, batch.guidance)

    def validation_step(self, batch: SceneSample, batch_index: int) -> None:
        """Count what is predicted against what is there."""
        output = self.network(batch.inputs)
        if output.scene is not None:
            prediction, truth = output.scene.labels(), batch.truth.labels
        else:
            assert output.image is not None
            prediction, truth = output.image.argmax(dim=1).to(torch.uint8), batch.truth.image
            if output.depth is not None:
                depth = depth_kl(output.depth, batch.truth.depth, self.network.spec.bins)
                self.log("val/depth", depth, sync_dist=True)
        self.confusion.add(prediction.cpu().numpy(), truth.cpu().numpy())

    def on_validation_epoch_end(self) -> None:
        """Add up the processes' counts and log the scores."""
        self.gather_counts()
        scores = self.confusion.scores()
        names = SCORES if self.network.completes else ("miou",)
        self.log_scores({name: getattr(scores, name) for name in names}, scores.per_class)
