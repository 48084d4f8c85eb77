"""The commands of `ssc-ros`, one thin module each, above all rooms.

The command `foo-bar` lives in `ssc_ros/commands/foo_bar.py`, which has the members of `Command`. `ssc-ros --help`
imports every one of them to show its line, so a command imports torch, rclpy and the like inside `run`.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Protocol, cast

COMMANDS = (
    *("demo", "doctor", "complete", "view", "simulate", "train", "precompute-teacher", "evaluate", "info"),
    *("kitti2bag", "replay", "node", "evaluate-bag", "benchmark", "export", "import-weights"),
)
"""Every command, in the order in which a newcomer meets them."""


class Command(Protocol):
    """What a command module has.

    Attributes:
        HELP: one line for the overview.
        DESCRIPTION: what it does, with examples; shown above its arguments.

    A module may also set `FORWARDS = True`: then the arguments that its parser does not know come to `run` as the
    list `args.forwarded` (the trainer's own flags) instead of being an error.
    """

    HELP: str
    DESCRIPTION: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; return the exit status."""


def load(name: str) -> Command:
    """The module of the command `name`."""
    return cast("Command", import_module(f"{__name__}.{name.replace('-', '_')}"))
