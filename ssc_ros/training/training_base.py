"""What every training shares: a network, its tutors, and how fast they learn."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from ssc_ros.core import EMPTY, LABEL_SETS, SscError
from ssc_ros.distillation import Guide, Lesson, Recipe, Tutor
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.inference.checkpoint import load_block
from ssc_ros.networks.layout import convolve_channels_last
from ssc_ros.networks.pretrained import load_backbone_weights
from ssc_ros.systems import LIDAR, STEREO, InputSpec, SceneOutput, build, spelled
from ssc_ros.training.small_gradients import compute_small_gradients_alone
from ssc_ros.training.training_data import TrainingData


class TrainingBase(lightning.LightningModule):
    """Training and validation of one system, alone or under teachers.

    The learning rate follows one cosine cycle over all steps (Smith and Topin 2018).

    Args:
        system: name of a system.
        preset: its sizes.
        label_set: name of the label set.
        recipes: what teaches it, by name; None where there is no teacher.
        pretrained: checkpoints by the block that starts from them.
        published: folders of published weights by the block that starts from them.
        learning_rate: at the top of the cycle.
        weight_decay: of the weights; biases and normalisation are left alone.
        warm_up: fraction of all steps before the top.
        seed: of what is drawn.
    """

    class_weights: Tensor
    judged = "at the points that LiDAR has in them"
    """Where classes of image cells are validated."""

    def __init__(
        self,
        system: str,
        preset: str,
        label_set: str,
        recipes: Mapping[str, Recipe | None],
        pretrained: Mapping[str, Path] | None,
        published: Mapping[str, Path] | None,
        learning_rate: float,
        weight_decay: float,
        warm_up: float,
        seed: int,
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
        load_backbone_weights(self.network, published or {})
        for block, checkpoint in (pretrained or {}).items():
            load_block(self.network, block, checkpoint)
        convolve_channels_last(self.network)
        compute_small_gradients_alone(self.network)
        self.tutors = nn.ModuleDict(
            {
                name: recipe.tutor(partial(build, system, preset), self.label_set)
                for name, recipe in recipes.items()
                if recipe
            }
        )
        self.learning_rate, self.weight_decay, self.warm_up = learning_rate, weight_decay, warm_up
        self.seed = seed
        self.confusion = Confusion(len(self.label_set))

    @property
    def input_spec(self) -> InputSpec:
        """What the network and its teachers read."""
        own = self.network.spec
        specs = [own, *(tutor.spec for tutor in self.teachers if tutor.spec is not None)]
        sensors = {sensor for spec in specs for sensor in spec.sensors}
        pair = [part for spec in specs if STEREO in spec.sensors for part in spec.pair]
        sweep = [part for spec in specs if LIDAR in spec.sensors for part in spec.sweep]
        return replace(
            own,
            sensors=tuple(sorted(sensors)),
            pair=tuple(dict.fromkeys(pair)),
            sweep=tuple(dict.fromkeys(sweep)),
        )

    @property
    def origins(self) -> dict[str, str]:
        """What a card says of weights that others have trained."""
        return {}

    @property
    def guide(self) -> Guide | None:
        """The language teacher whose precomputed answers come with the samples; none without such a teacher."""
        return next((tutor.guide for tutor in self.teachers if tutor.guide is not None), None)

    @property
    def teachers(self) -> list[Tutor]:
        """The tutors, as what they are."""
        return cast("list[Tutor]", list(self.tutors.values()))

    def on_fit_start(self) -> None:
        """Let tutors move what Lightning knows nothing of."""
        for tutor in self.teachers:
            tutor.start(self.device)

    def drawing(self, batch_index: int) -> torch.Generator:
        """A generator for one step, and torch's own seeded beside it, by the place in the training alone."""
        place = [self.seed, self.current_epoch, batch_index, self.global_rank]
        drawn, dropped = (int(n) for n in np.random.SeedSequence(place).generate_state(2))
        torch.manual_seed(dropped)  # dropout has no generator of its own; so a resumed run drops the same
        return torch.Generator().manual_seed(drawn)

    @abstractmethod
    def loss_terms(self, output: SceneOutput, batch: Any, generator: torch.Generator) -> dict[str, Tensor]:
        """Weighted losses of a prediction against the truth, by name."""

    @abstractmethod
    def lesson(self, batch: Any) -> Lesson:
        """What tutors are told of a batch."""

    def training_step(self, batch: Any, batch_index: int) -> Tensor:
        """The objective of one batch, and what tutors add to it."""
        generator, lesson = self.drawing(batch_index), self.lesson(batch)
        output = self.network(lesson.inputs)
        terms = self.loss_terms(output, batch, generator)
        for tutor in self.teachers:
            terms |= tutor(output, lesson, generator)
        loss, size = torch.stack(list(terms.values())).sum(), len(lesson.labels)
        self.log("loss", loss, prog_bar=True, batch_size=size)
        self.log_dict({f"train/{name}": value for name, value in {"loss": loss, **terms}.items()}, batch_size=size)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self.confusion = Confusion(len(self.label_set))

    def gather_counts(self) -> None:
        """Add up the processes' counts."""
        counts = torch.from_numpy(self.confusion.counts).to(self.device)
        self.confusion.counts[:] = self.trainer.strategy.reduce(counts, reduce_op="sum").cpu().numpy()

    def log_scores(self, summary: Mapping[str, float], per_class: Sequence[float]) -> None:
        """Log and print the scores of a validation.

        Args:
            summary: scores over all classes by name, "miou" among them.
            per_class: IoU of each train id.
        """
        # equal in all processes, which is what Lightning wants to be sure of
        self.log_dict({f"val/{name}": score for name, score in summary.items()}, sync_dist=True)
        classes = dict(zip(self.label_set.names, per_class, strict=True))
        classes.pop(self.label_set.names[EMPTY])
        self.log_dict({f"class/{name}": iou for name, iou in classes.items()}, sync_dist=True)
        each = " ".join(f"{name} {100 * iou:.1f}" for name, iou in classes.items())
        iou = f"IoU {100 * summary['iou']:.2f} " if "iou" in summary else ""
        self.print(f"step {self.global_step}: {iou}mIoU {100 * summary['miou']:.2f} ({each})")
        self.log("miou", summary["miou"], prog_bar=True, logger=False, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW under one cosine cycle per run, stepped with every optimiser step."""
        learnt = [p for p in self.parameters() if p.requires_grad]  # of the network and of its tutors
        decayed = [p for p in learnt if p.ndim > 1]
        plain = [p for p in learnt if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate, weight_decay=self.weight_decay)
        steps = optimizer_steps(self.trainer, len(self.data.train_samples), self.data.batch_size)
        # LambdaLR, not OneCycleLR: resumed with another max_epochs, it follows the cycle of the new length
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: one_cycle(step / steps, self.warm_up))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @property
    def data(self) -> TrainingData:
        """What it is trained on."""
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
