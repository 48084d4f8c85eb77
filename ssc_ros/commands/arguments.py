"""Arguments that several commands share, and the types of what they take."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from ssc_ros.core import SscError
from ssc_ros.core.resources import SHIPPED_CHECKPOINT, find_file
from ssc_ros.messages.topics import Topics

INPUTS = tuple(item.name for item in fields(Topics))
"""Inputs whose topics may have other names in a recording."""


def add_evaluation_arguments(parser: argparse.ArgumentParser, baselines: Sequence[str]) -> None:
    """Declare what to score and where its results go."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--checkpoint", type=find_file, metavar="FILE", help=f"what to score (default: {SHIPPED_CHECKPOINT})"
    )
    what.add_argument("--baseline", choices=baselines, help="score a baseline instead of a network")
    parser.add_argument(
        "--fuse",
        action="store_true",
        help="complete every frame, fuse the grids into a map as the robot would, and score both (docs/mapping.md)",
    )
    parser.add_argument("--pictures", type=int, default=4, metavar="N", help="frames to draw (default: 4)")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="folder of all results (default: results)"
    )
    add_network_arguments(parser)


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what runs a network, and what gives it classes of points."""
    parser.add_argument(
        "--segmentation",
        type=find_file,
        metavar="FILE",
        help="what gives classes to LiDAR points, for a checkpoint that reads them",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 (default: auto)")
    parser.add_argument("--backend", default="torch", help="what runs the network, see docs/node.md (default: torch)")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of the network (default: torch's)")


def add_camera_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where a stereo pair comes from: files, or a bag."""
    parser.add_argument("--left", type=Path, metavar="FILE", help="left image, or a folder of them")
    parser.add_argument("--right", type=Path, metavar="FILE", help="right image, or a folder of them")
    parser.add_argument("--calibration", type=Path, nargs="+", metavar="FILE", help="of --left and --right")
    parser.add_argument("--bag", type=Path, metavar="BAG", help="folder of a rosbag2 bag")
    parser.add_argument(
        "--remap",
        type=remapping,
        action="append",
        default=[],
        metavar="A:=B",
        help="name of an input in the bag or on the robot, such as left/image_rect:=/zed/left/image; repeatable",
    )
    parser.add_argument(
        "--image-transport", choices=("raw", "compressed"), help="of the images (default: raw, or what the file says)"
    )
    parser.add_argument(
        "--rectify",
        action="store_true",
        help="the images are raw: rectify them by the calibration, which must be two camera_info (default: what the "
        "file says)",
    )


def names_files(args: argparse.Namespace) -> bool:
    """Whether image files are what a stereo pair comes from.

    Raises:
        SscError: a part of them is missing, or there is a bag as well.
    """
    parts = (args.left, args.right, args.calibration)
    if any(parts) and (not all(parts) or args.bag):
        raise SscError("files need all of --left, --right and --calibration, and no --bag")
    return any(parts)


def add_topic_argument(parser: argparse.ArgumentParser) -> None:
    """Declare how to say which topics of a recording are which input."""
    parser.add_argument(
        "--topic",
        type=named_topic,
        action="append",
        default=[],
        dest="topics",
        metavar="INPUT=TOPIC",
        help="the recording has an input under this name, such as left_image=/front/left/image_rect; inputs are "
        f"{', '.join(INPUTS)}; may be repeated",
    )


def named_topic(text: str) -> tuple[str, str]:
    """The input and the absolute topic of "left_image=/front/left/image_rect".

    Raises:
        argparse.ArgumentTypeError: no such input, or no absolute name of a topic.
    """
    name, _, topic = text.partition("=")
    if name not in INPUTS or not topic.startswith("/"):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not INPUT=TOPIC, such as left_image=/front/left/image_rect; inputs are {', '.join(INPUTS)}"
        )
    return name, topic


def frame_range(text: str) -> slice:
    """The slice of "A:B", either side optional.

    Raises:
        argparse.ArgumentTypeError: the text is no such range.
    """
    try:
        first, last = (int(part) if part else None for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no range of frames; write A:B, such as 0:100") from None
    return slice(first, last)


def remapping(text: str) -> tuple[str, str]:
    """The two names of "A:=B".

    Raises:
        argparse.ArgumentTypeError: the text is no such pair.
    """
    name, separator, to = text.partition(":=")
    if not (name and separator and to):
        raise argparse.ArgumentTypeError(f"'{text}' renames nothing; write A:=B, such as left/image_rect:=/cam/left")
    return name, to


def positive_number(text: str) -> float:
    """A finite number above 0.

    Raises:
        argparse.ArgumentTypeError: the text is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number")
    return value


def positive_integer(text: str) -> int:
    """A whole number above 0.

    Raises:
        argparse.ArgumentTypeError: the text is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number")
    return int(text)
