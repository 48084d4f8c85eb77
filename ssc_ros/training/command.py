"""The command line of training: Lightning's own, with one run folder, automatic resumption and a deployed result."""

from __future__ import annotations

import shlex
import sys
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, RichProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger

from ssc_ros.training.data import SceneData
from ssc_ros.training.deploy import deploy
from ssc_ros.training.module import SceneTraining

MONITORED = "val/stereo/miou"


class TrainCommand(LightningCLI):
    """Model, data and trainer from one YAML file and the flags that override it."""

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(
            SceneTraining,
            SceneData,
            args=arguments,
            run=False,
            auto_configure_optimizers=False,
            seed_everything_default=0,
            save_config_kwargs={"overwrite": True},
            parser_kwargs={"prog": "ssc-ros train", "default_env": False},
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Declare what is neither model, data nor trainer."""
        parser.add_argument("--run", type=Path, required=True, help="folder of this run: checkpoints, logs, config")
        parser.add_argument("--deploy", type=Path, help="the .safetensors file to write at the end")
        parser.add_argument("--save_minutes", type=float, default=3.0, help="minutes between checkpoints")
        parser.link_arguments("seed_everything", "data.seed")
        parser.link_arguments("seed_everything", "model.seed")
        parser.link_arguments("model.label_set", "data.label_set")
        parser.link_arguments("model.network", "data.network", apply_on="instantiate")

    @property
    def run_folder(self) -> Path:
        """Where this run keeps everything."""
        return Path(self.config["run"])

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """A trainer that logs and saves into the run folder."""
        checkpoints = self.run_folder / "checkpoints"
        options: dict[str, Any] = {"dirpath": checkpoints, "enable_version_counter": False}
        interval = timedelta(minutes=self.config["save_minutes"])
        callbacks = [
            RichProgressBar(leave=True),
            LearningRateMonitor(logging_interval="step"),
            ModelCheckpoint(filename="last", train_time_interval=interval, save_on_exception=True, **options),
            ModelCheckpoint(filename="best", monitor=MONITORED, mode="max", save_last=True, **options),
        ]
        configured = self.config_init["trainer"].get("callbacks") or []
        return super().instantiate_trainer(
            default_root_dir=self.run_folder,
            logger=TensorBoardLogger(self.run_folder, name="", version="tensorboard"),
            callbacks=[*configured, *callbacks],
            **kwargs,
        )


def train(arguments: list[str]) -> int:
    """Train, or go on training, and deploy the best weights.

    Args:
        arguments: of the command line, as `ssc-ros train --options` lists them.

    Returns:
        Exit status 0.

    Raises:
        SscError: data that cannot be used.
    """
    # the flags do come from the command line, only not from the whole of it
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
    command = TrainCommand(arguments)
    seed_everything(command.config["seed_everything"], workers=True, verbose=False)
    last = command.run_folder / "checkpoints" / "last.ckpt"
    if last.exists():
        print(f"resuming {last}; give another --run to start anew", file=sys.stderr)
    command.trainer.fit(
        command.model, command.datamodule, ckpt_path=last if last.exists() else None, weights_only=False
    )
    if command.trainer.is_global_zero and (target := command.config["deploy"]) is not None:
        deploy(
            Path(target),
            command.run_folder,
            command.model,
            command.datamodule,
            f"ssc-ros train {shlex.join(arguments)}",
        )
    return 0
