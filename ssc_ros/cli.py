"""`ssc-ros COMMAND`: finds the command, parses its arguments, says errors in one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ssc_ros.commands import COMMANDS, completion, load
from ssc_ros.core.errors import SscError
from ssc_ros.core.version import version_text

INTERRUPTED = 130
SPINS = 30_000
"""How long a thread of torch on Linux (GNU OpenMP) spins when it waits for work. Its own tenfold keeps a core from the
backend that runs next: on two cores a frame took 7 to 11 % longer."""
RUNS_UNTIL_INTERRUPTED = ("node", "replay", "view")

REMEDIES = {
    "lightning": "pip install 'ssc_ros[train]'",
    "tensorboard": "pip install 'ssc_ros[train]'",
    "rerun": "pip install 'ssc_ros[viewer]'",
    "rerun_cli": "pip install 'ssc_ros[viewer]'",
    "rclpy": "source /opt/ros/jazzy/setup.bash, or pip install 'ssc_ros[ros-jazzy]'",
    "ssc_ros_msgs": "build it with colcon, or pip install ./ssc_ros_msgs",
}
"""How to get a package that not every command needs."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `ssc-ros` with these arguments (default: the process's) and return its exit status."""
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))  # read when torch is loaded, which is later
    if completion.asked_for():
        completion.complete()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in COMMANDS:
        return _run(arguments[0], arguments[1:])
    if arguments == ["--version"]:
        print(version_text())
        return 0
    overview = _overview()
    if not arguments:
        overview.print_help(sys.stderr)
        return 2
    overview.parse_args(arguments)
    return 0


def _overview() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {load(name).HELP}" for name in COMMANDS)
    parser = argparse.ArgumentParser(
        prog="ssc-ros",
        description="Semantic scene completion: stereo (or LiDAR) in, a semantic voxel grid out.",
        epilog=f"commands:\n{commands}\n\n`ssc-ros COMMAND --help` explains one of them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="say version and commit, and leave")
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS, help="one of the commands below")
    return parser


def command_parser(name: str) -> argparse.ArgumentParser:
    """Return the argument parser of a command; the documentation lists its arguments."""
    command = load(name)
    parser = argparse.ArgumentParser(
        prog=f"ssc-ros {name}",
        description=command.DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # a forwarded argument must not be taken for one of ours
    )
    command.add_arguments(parser)
    return parser


def _run(name: str, arguments: list[str]) -> int:
    command, parser = load(name), command_parser(name)
    args, forwarded = parser.parse_known_args(arguments)
    if forwarded and not getattr(command, "FORWARDS", False):
        parser.error(f"unrecognized arguments: {' '.join(forwarded)}")
    args.forwarded = forwarded
    try:
        return command.run(args)
    except SscError as error:
        return _fail(name, str(error))
    except ModuleNotFoundError as error:
        remedy = REMEDIES.get((error.name or "").partition(".")[0])
        if remedy is None:
            raise
        return _fail(name, f"{error}: {remedy}")
    except KeyboardInterrupt:
        return 0 if name in RUNS_UNTIL_INTERRUPTED else INTERRUPTED


def _fail(name: str, text: str) -> int:
    print(f"ssc-ros {name}: {' '.join(text.split())}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
