"""`ssc-ros train`."""

from __future__ import annotations

import argparse

HELP = "train a network on SemanticKITTI-layout data and deploy it as one checkpoint"
DESCRIPTION = """\
Train a network from a configuration file and flags that override it.

  ssc-ros train --config config/train/l2cocc_c_edge.yaml --data.root DIR --run runs/edge
  ssc-ros train --config ... --trainer.max_epochs 3 --data.batch_size 2 --model.learning_rate 5e-4
  ssc-ros train --config ... --trainer.accelerator gpu --trainer.devices 4 --trainer.strategy ddp
  ssc-ros train --options                    every flag of model, data and trainer, with its meaning
  tensorboard --logdir runs/edge             curves, while it trains

The same command again resumes an interrupted run from the last checkpoint in its --run folder; at most
--save_minutes are lost. At the end, the best weights go to the --deploy file, with a card and curves beside it.
"""
FORWARDS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; all others are the trainer's."""
    parser.add_argument("--options", action="store_true", help="list every flag of model, data and trainer, and exit")


def run(args: argparse.Namespace) -> int:
    """Train."""
    from ssc_ros.training.command import train

    return train(["--help"] if args.options else args.forwarded)
