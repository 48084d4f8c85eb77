"""The command line of training: Lightning's own, with one run folder, automatic resumption and a deployed result."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint, RichProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger

from ssc_ros.core import SscError
from ssc_ros.training.checkpoint_writer import write_checkpoint
from ssc_ros.training.pixel_data import PixelData
from ssc_ros.training.pixel_training import PixelTraining
from ssc_ros.training.point_training import PointTraining
from ssc_ros.training.save_last import SaveLast
from ssc_ros.training.scene_data import SceneData
from ssc_ros.training.scene_training import SceneTraining
from ssc_ros.training.sweep_data import SweepData

MONITORED = "val/miou"
TASKS = {
    "completion": (SceneTraining, SceneData),
    "segmentation": (PointTraining, SweepData),
    "pixels": (PixelTraining, PixelData),
}
"""What can be trained: the voxels of a scene (or the image cells before it), the points of a sweep, or the pixels of an
image with a dense semantic map."""
_IRRELEVANT = (
    "LightningCLI's args parameter",  # the flags do come from the command line, only not from the whole of it
    r"Found \d+ module.s. in eval mode",  # those that are frozen
    "You're resuming from a checkpoint that ended before the epoch ended",  # our sampler finds its place
    "Checkpoint directory .* exists and is not empty",  # that is what resuming means
    "`isinstance.treespec, LeafSpec.` is deprecated",
)
_CHATTY = {
    "lightning.pytorch.trainer.connectors.checkpoint_connector": "`weights_only` was not set",
    "lightning.pytorch.utilities.rank_zero": "litlogger",
}
"""Logger -> what its messages hold that say nothing about a training."""


class SaveConfig(SaveConfigCallback):
    """Writes config.yaml, with every value that was used, into the folder of the run, not into its logger's."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write it."""
        folder = Path(trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        self.parser.save(self.config, str(folder / self.config_filename), skip_none=False, overwrite=self.overwrite)


class TrainingBar(RichProgressBar):
    """Lightning's bar, which counts epochs to -2 where a run's length is given in steps."""

    def _get_train_description(self, current_epoch: int) -> str:
        if (self.trainer.max_epochs or -1) > 0:
            return str(super()._get_train_description(current_epoch))
        return f"{f'Epoch {current_epoch}':{len(self.validation_description)}}"


class TrainCommand(LightningCLI):
    """Model, data and trainer from one YAML file and the flags that override it."""

    def __init__(self, arguments: list[str]) -> None:
        self.task = task_of(arguments)
        super().__init__(
            *TASKS[self.task],
            args=arguments,
            run=False,
            auto_configure_optimizers=False,
            seed_everything_default=0,
            save_config_callback=SaveConfig,
            save_config_kwargs={"overwrite": True, "save_to_log_dir": False},
            parser_kwargs={"prog": "ssc-ros train", "default_env": False},
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Declare what is neither model, data nor trainer."""
        parser.add_argument("--task", type=Literal[tuple(TASKS)], default=self.task, help="what is trained")
        parser.add_argument("--run", type=Path, required=True, help="folder of this run: checkpoints, logs, config")
        parser.add_argument("--deploy", type=Path, help="the .safetensors file to write at the end")
        parser.add_argument("--save_minutes", type=float, default=3.0, help="minutes between checkpoints")
        parser.link_arguments("seed_everything", "data.seed")
        parser.link_arguments("seed_everything", "model.seed")
        parser.link_arguments("model.label_set", "data.label_set")
        if self.task != "segmentation":
            parser.link_arguments("model.input_spec", "data.spec", apply_on="instantiate")
        if self.task == "completion":
            parser.link_arguments("model.guide", "data.guide", apply_on="instantiate")

    @property
    def run_folder(self) -> Path:
        """Where this run keeps everything."""
        return Path(self.config["run"])

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """A trainer that logs and saves into the run folder."""
        checkpoints = self.run_folder / "checkpoints"
        callbacks: list[Callback] = [
            LearningRateMonitor(logging_interval="step"),
            ModelCheckpoint(checkpoints, filename="best", monitor=MONITORED, mode="max", enable_version_counter=False),
            SaveLast(checkpoints / "last.ckpt", self.config["save_minutes"]),
        ]
        trainer = self.config_init["trainer"]
        if trainer.get("enable_progress_bar") is not False:
            callbacks.append(TrainingBar(leave=True))
        return super().instantiate_trainer(
            default_root_dir=self.run_folder,
            logger=TensorBoardLogger(self.run_folder, name="", version="tensorboard"),
            callbacks=[*(trainer.get("callbacks") or []), *callbacks],
            **kwargs,
        )


def train(arguments: list[str]) -> int:
    """Train, or go on training, and deploy the best weights.

    Args:
        arguments: of the command line, as `ssc-ros train --options` lists them.

    Returns:
        Exit status 0.

    Raises:
        SscError: a task or data that cannot be used, or a language teacher that was not asked before.
    """
    for message in _IRRELEVANT:
        warnings.filterwarnings("ignore", message=message)
    for name in _CHATTY:
        logging.getLogger(name).addFilter(_matters)
    command = TrainCommand(arguments)
    seed_everything(command.config["seed_everything"], workers=True, verbose=False)
    if isinstance(command.datamodule, SceneData):
        require_guidance(command.datamodule, arguments)
    last = command.run_folder / "checkpoints" / "last.ckpt"
    if last.exists():
        print(f"resuming {last}; give another --run to start anew", file=sys.stderr)
    command.trainer.fit(
        command.model, command.datamodule, ckpt_path=last if last.exists() else None, weights_only=False
    )
    if command.trainer.is_global_zero and (target := command.config["deploy"]) is not None:
        write_checkpoint(
            Path(target),
            command.run_folder,
            command.model,
            command.datamodule,
            f"ssc-ros train {shlex.join(arguments)}",
        )
    return 0


def task_of(arguments: Sequence[str]) -> str:
    """What the flags ask for, else the configuration files: --task, else completion.

    Raises:
        SscError: no such task, or a configuration file that cannot be read.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--task")
    parser.add_argument("--config", type=Path, action="append", default=[])
    known, _ = parser.parse_known_args(arguments)
    task = known.task
    if task is None:
        configured = [_read(path).get("task") for path in known.config]
        task = next((name for name in reversed(configured) if name is not None), "completion")
    if task not in TASKS:
        raise SscError(f"task '{task}' does not exist; choose from {', '.join(TASKS)}")
    return str(task)


def _read(config: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(config.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise SscError(f"cannot read the configuration {config}: {error}") from error


def require_guidance(data: SceneData, arguments: list[str]) -> None:
    """Make sure that the language teacher of a training, if it has one, has said what it has to say.

    Raises:
        SscError: something is missing, or older than its image; the text has the command that makes it.
    """
    guidance, scenes = data.train_scenes.guidance, data.train_scenes.guided()
    if guidance is not None and (stale := guidance.stale(scenes)):
        raise SscError(
            f"teacher {guidance.guide.teacher.name} has not been asked about {len(stale)} of {len(scenes)} images (or "
            f"they, or it, have changed since); run: ssc-ros precompute-teacher {shlex.join(arguments)}"
        )


def _matters(record: logging.LogRecord) -> bool:
    """Whether a message of one of the chatty loggers is about this training."""
    return _CHATTY[record.name] not in record.getMessage()
