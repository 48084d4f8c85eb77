"""A scene completion network as a Lightning module."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from ssc_ros.core import EMPTY, LABEL_SETS, SscError
from ssc_ros.distillation import Guide, L2CoccDistillation, Lesson, Recipe, Tutor, VisionLanguageDistillation
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.inference.checkpoint import load_block
from ssc_ros.losses import depth_kl
from ssc_ros.networks.pretrained import load_published
from ssc_ros.systems import STEREO, InputSpec, build, spelled
from ssc_ros.training.data import SceneData
from ssc_ros.training.objective import Objective
from ssc_ros.training.points import point_voxels
from ssc_ros.training.sample import Sample

SCORES = ("iou", "precision", "recall", "miou")


class SceneTraining(lightning.LightningModule):
    """Training and validation of one system, alone or under a teacher.

    The learning rate follows one cosine cycle over all steps (Smith and Topin 2018). Validation scores whole scenes
    at full resolution; an image branch, which predicts no scene, is scored on the classes of its image cells.

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

    class_weights: Tensor

    def __init__(
        self,
        system: str = "l2cocc",
        preset: str = "edge",
        label_set: str = "semantic_kitti",
        objective: Objective = Objective(),  # noqa: B008 (frozen)
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
        super().__init__()
        self.system, self.preset = system, spelled(preset)
        self.label_set = LABEL_SETS[label_set]
        self.network = build(system, preset)
        if self.network.class_count != len(self.label_set):
            raise SscError(
                f"{system} {preset} tells {self.network.class_count} classes apart, but label set '{label_set}' has "
                f"{len(self.label_set)}; set model.label_set or model.preset"
            )
        load_published(self.network, published or {})
        for block, checkpoint in (pretrained or {}).items():
            load_block(self.network, block, checkpoint)
        self.objective = objective
        recipes: dict[str, Recipe | None] = {"distillation": distillation, "guidance": guidance}
        self.tutors = nn.ModuleDict(
            {
                name: recipe.tutor(partial(build, system, preset), self.label_set)
                for name, recipe in recipes.items()
                if recipe
            }
        )
        self.learning_rate, self.weight_decay, self.warm_up = learning_rate, weight_decay, warm_up
        self.frequencies, self.seed = frequencies, seed
        self.register_buffer("class_weights", torch.from_numpy(self.label_set.class_weights))
        self.confusion = Confusion(len(self.label_set))

    @property
    def inputs(self) -> InputSpec:
        """What the network and its teachers read."""
        spec = self.network.spec
        for taught in (tutor.spec for tutor in self._tutors if tutor.spec is not None):
            pair = (*spec.pair, *taught.pair) if STEREO in taught.sensors else spec.pair
            sensors = sorted({*spec.sensors, *taught.sensors})
            spec = replace(spec, sensors=tuple(sensors), pair=tuple(dict.fromkeys(pair)))
        return spec

    @property
    def guide(self) -> Guide | None:
        """The language teacher whose precomputed answers come with the samples; none if nobody is asked."""
        return next((tutor.guide for tutor in self._tutors if tutor.guide is not None), None)

    @property
    def _tutors(self) -> list[Tutor]:
        return cast("list[Tutor]", list(self.tutors.values()))

    def on_fit_start(self) -> None:
        """Count the classes where asked to; let tutors move what Lightning knows nothing of."""
        if self.frequencies == "training":
            counts = self._data.train_scenes.class_counts()
            weights = 1 / np.log(np.maximum(counts, 1) + np.e)
            self.class_weights.copy_(torch.from_numpy(weights))
        for tutor in self._tutors:
            tutor.start(self.device)

    def training_step(self, batch: Sample, batch_index: int) -> Tensor:
        """The objective of one batch, and what tutors add to it."""
        place = [self.seed, self.current_epoch, batch_index, self.global_rank]
        drawn, dropped = (int(n) for n in np.random.SeedSequence(place).generate_state(2))
        generator = torch.Generator().manual_seed(drawn)
        torch.manual_seed(dropped)  # dropout has no generator of its own; so a resumed run drops the same
        output = self.network(batch.inputs)
        spec, points = self.network.spec, None
        if self.objective.points and "projection" in batch.inputs:
            points = point_voxels(batch.truth, batch.inputs["projection"], spec.image_size, spec.grid)
        terms = self.objective(output, batch.truth, spec.bins, self.class_weights, generator, points)
        lesson = Lesson(batch.inputs, batch.truth.labels, batch.guidance)
        for tutor in self._tutors:
            terms |= tutor(output, lesson, generator)
        loss = torch.stack(list(terms.values())).sum()
        size = len(batch.truth.labels)
        self.log("loss", loss, prog_bar=True, batch_size=size)
        self.log_dict({f"train/{name}": value for name, value in {"loss": loss, **terms}.items()}, batch_size=size)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self.confusion = Confusion(len(self.label_set))

    def validation_step(self, batch: Sample, batch_index: int) -> None:
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
        counts = torch.from_numpy(self.confusion.counts).to(self.device)
        self.confusion.counts[:] = self.trainer.strategy.reduce(counts, reduce_op="sum").cpu().numpy()
        scores = self.confusion.scores()
        names = SCORES if self.network.completes else ("miou",)
        self.log_dict({f"val/{name}": getattr(scores, name) for name in names})
        classes = dict(zip(self.label_set.names, scores.per_class, strict=True))
        classes.pop(self.label_set.names[EMPTY])
        self.log_dict({f"class/{name}": iou for name, iou in classes.items()})
        each = " ".join(f"{name} {100 * iou:.1f}" for name, iou in classes.items())
        iou = f"IoU {100 * scores.iou:.2f} " if self.network.completes else ""
        self.print(f"step {self.global_step}: {iou}mIoU {100 * scores.miou:.2f} ({each})")
        self.log("miou", scores.miou, prog_bar=True, logger=False)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW under one cosine cycle per run, stepped with every optimiser step."""
        learnt = [p for p in self.parameters() if p.requires_grad]  # of the network and of its tutors
        decayed = [p for p in learnt if p.ndim > 1]
        plain = [p for p in learnt if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate, weight_decay=self.weight_decay)
        steps = optimizer_steps(self.trainer, len(self._data.train_scenes), self._data.batch_size)
        # LambdaLR, not OneCycleLR: resumed with another max_epochs, it follows the cycle of the new length
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: one_cycle(step / steps, self.warm_up))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @property
    def _data(self) -> SceneData:
        return self.trainer.datamodule  # type: ignore[attr-defined]


def one_cycle(progress: float, warm_up: float) -> float:
    """Learning rate of the one-cycle policy as a fraction of its top: half a cosine up from 1/25, another down to 0.

    Args:
        progress: fraction of the run that is done.
        warm_up: fraction of the run that goes up.
    """
    if progress < warm_up:
        return 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * progress / warm_up)) / 2
    return (1 + math.cos(math.pi * min(1.0, (progress - warm_up) / (1 - warm_up)))) / 2


def optimizer_steps(trainer: lightning.Trainer, scenes: int, batch_size: int) -> int:
    """Optimiser steps of a whole run.

    `trainer.estimated_stepping_batches` would say the same, but it opens the training loader, and that before a
    resumed run knows its place in the epoch.
    """
    batches = math.ceil(math.ceil(scenes / trainer.world_size) / batch_size)
    limit = trainer.limit_train_batches
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    steps = math.ceil(batches / trainer.accumulate_grad_batches) * (trainer.max_epochs or 0)
    if trainer.max_steps >= 0:
        steps = trainer.max_steps if steps <= 0 else min(steps, trainer.max_steps)
    if steps <= 0:
        raise SscError("the length of the run is not known; set --trainer.max_epochs or --trainer.max_steps")
    return steps
