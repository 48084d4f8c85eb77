"""Completion of `ssc-ros` in the shell, by argcomplete where it is installed (extra `completion`)."""

from __future__ import annotations

import argparse
import os

from ssc_ros.commands import COMMANDS, load


def asked_for() -> bool:
    """Return whether the shell, and not a user, has started this process."""
    return "_ARGCOMPLETE" in os.environ


def complete() -> None:
    """Tell the shell what may come next, and end the process; without argcomplete do nothing."""
    try:
        import argcomplete
    except ModuleNotFoundError:
        return
    argcomplete.autocomplete(full_parser())


def full_parser() -> argparse.ArgumentParser:
    """Return one parser of all commands with their arguments; the command line itself parses one command alone."""
    parser = argparse.ArgumentParser(prog="ssc-ros")
    parser.add_argument("--version", action="store_true", help="version and commit")
    commands = parser.add_subparsers()
    for name in COMMANDS:
        command = load(name)
        command.add_arguments(commands.add_parser(name, help=command.HELP))
    return parser
