"""`ssc-ros simulate`: Synth-KITTI, simulated streets in the SemanticKITTI layout."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.commands.arguments import positive_integer

if TYPE_CHECKING:
    from ssc_ros.simulation.rig_spec import RigSpec

HELP = "simulate streets with ground truth in the SemanticKITTI layout"
DESCRIPTION = """\
Writes Synth-KITTI: complete SemanticKITTI odometry sequences of procedural streets, to train and test on where the
real data cannot be had. Each sequence is another place, another day and another journey, drawn from the seed and the
sequence's number; the same seed gives the same bytes. A run that was interrupted is resumed by the same command.

  ssc-ros simulate --out synth --sequences 00,08 --frames 100
  ssc-ros simulate --out synth --sequences 00,01,02,03,08 --frames 60 --images voxels   # images of every fifth frame
  ssc-ros simulate --out pixels --sequences 00,01,08 --frames 141 --voxels-every 20 --images left
  ssc-ros simulate --out synth --rig random             # another stereo camera and LiDAR for each sequence
  ssc-ros simulate --out synth --rig config/rig.yaml    # your own rig

Ground truth is made as the official one: labelled sweeps of the current and the 70 next frames, voxelised; sweeps
beyond the last frame are simulated for it and not kept. By custom 08 is the validation sequence.

The rig is KITTI's unless told otherwise. A random one has a camera 0.4 to 2.2 m above the ground, pitch and roll within
4 degrees, a baseline of 0.05 to 0.6 m, focal length and resolution of a common stereo camera, colour or grey images,
and a LiDAR of 16, 32, 64 or 128 beams. Poses, points and voxels are in the same frame for every rig: its origin is
1.73 m above the ground, and calib.txt says where the cameras are in it. docs/simulation.md has the details.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder that gets sequences/")
    parser.add_argument(
        "--sequences",
        type=parse_sequences,
        default=("00", "08"),
        metavar="NN,..",
        help="two digits (default: 00,08)",
    )
    parser.add_argument(
        "--frames", type=positive_integer, default=100, metavar="N", help="frames per sequence (default: 100)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed gives other places (default: 0)")
    parser.add_argument("--jobs", type=positive_integer, default=2, metavar="J", help="processes (default: 2)")
    parser.add_argument(
        "--voxels-every",
        type=positive_integer,
        default=5,
        metavar="K",
        help="frames between ground truths (default: 5)",
    )
    parser.add_argument(
        "--images", choices=("all", "voxels", "left"), default="all",
        help="images of all frames, or only of those with voxel ground truth, which is faster; left: left images and "
        "their classes of those frames and nothing else, to train a segmenter (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--rig",
        default="kitti",
        metavar="kitti|random|FILE",
        help="cameras and LiDAR: KITTI's, others for each sequence, or those of a YAML file (default: kitti)",
    )


def run(args: argparse.Namespace) -> int:
    """Simulate with a progress bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ssc_ros.core import SscError
    from ssc_ros.simulation.sequence import SequenceJob
    from ssc_ros.simulation.simulate import simulate

    if args.seed < 0:
        raise SscError(f"--seed is {args.seed}, expected zero or more")
    rig_of = _rigs(args.rig, args.seed)
    jobs = [
        SequenceJob(args.out, name, args.seed, args.frames, args.voxels_every, args.images, rig_spec=rig_of(name))
        for name in args.sequences
    ]
    columns = (TextColumn("simulate"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("simulate", total=None)
        for done, total in simulate(jobs, args.jobs):
            progress.update(task, completed=done, total=total)
    frames = sum(len(job.chosen_frames) if job.images == "left" else job.frames for job in jobs)
    print(f"{args.out}: {len(jobs)} sequences, {frames} frames, {sum(len(j.voxel_frames) for j in jobs)} ground truths")
    return 0


def _rigs(rig: str, seed: int) -> Callable[[str], RigSpec | None]:
    """Return what gives the rig of a sequence by its name; None is KITTI's."""
    from ssc_ros.simulation.rig_file import read_rig
    from ssc_ros.simulation.rig_random import random_rig

    if rig == "random":
        return lambda name: random_rig(seed, int(name))
    spec = None if rig == "kitti" else read_rig(Path(rig))
    return lambda _: spec


def parse_sequences(text: str) -> tuple[str, ...]:
    """The names of "00,01,08".

    Raises:
        argparse.ArgumentTypeError: one of them is not two digits, or comes twice.
    """
    names = tuple(part.strip() for part in text.split(","))
    if any(len(n) != 2 or not n.isdecimal() or not n.isascii() for n in names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"'{text}' is no list of different two-digit sequences, such as 00,01,08")
    return names
