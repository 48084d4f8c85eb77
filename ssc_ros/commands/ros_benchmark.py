"""What `ssc-ros benchmark ros` does: the node between a publisher and a subscriber, as processes over DDS."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.commands.replay import positive
from ssc_ros.core.resources import shipped_checkpoint

if TYPE_CHECKING:
    from rich.console import Console

    from ssc_ros.core import Frame
    from ssc_ros.profiling.frames import EncodedFrame

WORD = "ros"
"""First argument of `ssc-ros benchmark` for this."""


def add_ros_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that the other benchmarks do not have."""
    group = parser.add_argument_group("benchmark ros")
    group.add_argument(
        "--hz", type=positive, nargs="+", default=[10.0, 20.0], help="frames per second (default: 10 20)"
    )
    group.add_argument("--seconds", type=positive, default=60.0, metavar="S", help="at each rate (default: 60)")
    group.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="what is measured, also without this word; of the node (default: the shipped one)",
    )
    group.add_argument(
        "--work-ms", type=float, metavar="T", help="no network, but one that is made up and takes T milliseconds"
    )
    for name, help_ in (("parallel", "that the node completes at once"), ("waiting", "that wait for the network")):
        group.add_argument(f"--{name}-frames", type=int, default=1, metavar="N", help=f"{help_} (default: 1)")
    group.add_argument("--no-lidar", action="store_true", help="send no sweeps")


def measure_node(args: argparse.Namespace, threads: int, frame: Callable[[Console], EncodedFrame]) -> int:
    """Measure.

    Args:
        args: of `ssc-ros benchmark`.
        threads: of torch.
        frame: makes the one that the other arguments choose.

    Returns:
        Exit status 0.

    Raises:
        SscError: arguments that do not fit each other, or a process that failed.
    """
    from rich.console import Console

    from ssc_ros.core.files import write_atomically
    from ssc_ros.evaluation.results import provenance
    from ssc_ros.profiling.machine import machine
    from ssc_ros.profiling.ros.result import Result
    from ssc_ros.profiling.ros.run import Load, run
    from ssc_ros.profiling.setting import Setting

    _check(args)
    console = Console()
    checkpoint = None if args.work_ms is not None else args.checkpoint or shipped_checkpoint()
    sent, source = _frame(args, partial(frame, console))
    runs, backend = [], args.backend or "auto"
    for hz in args.hz:
        load = Load(
            hz,
            args.seconds,
            checkpoint,
            work_ms=args.work_ms or 0.0,
            threads=threads,
            device=args.device,
            backend=backend,
            parallel_frames=args.parallel_frames,
            waiting_frames=args.waiting_frames,
        )
        with console.status(f"{args.seconds:g} s at {hz:g} Hz"), tempfile.TemporaryDirectory() as folder:
            runs.append(run(load, sent, Path(folder)))
    setting = Setting(str(checkpoint), backend, threads, args.device)
    what = setting.name if checkpoint else f"a network of {args.work_ms:g} ms"
    if args.parallel_frames > 1:
        what += f", {args.parallel_frames} frames at once"
    result = Result(what, source, runs, machine=machine(), provenance=provenance())
    console.print(result.table())
    if args.json:
        write_atomically(args.json, result.to_json().encode())
    return 0


def _check(args: argparse.Namespace) -> None:
    from ssc_ros.core import SscError

    if args.what[1:]:
        raise SscError(f"'{' '.join(args.what[1:])}' is one word too many; name the node's network with --checkpoint")
    if args.compare or args.all_backends:
        raise SscError("benchmark ros measures the node as it is, without --compare and --all-backends")
    if args.checkpoint and args.work_ms is not None:
        raise SscError("choose one of --checkpoint and --work-ms: either a network runs, or a made-up one")


def _frame(args: argparse.Namespace, frame: Callable[[], EncodedFrame]) -> tuple[Frame, str]:
    """What is sent, and what it is; a frame without sweep gets one of noise."""
    from ssc_ros.profiling.ros.made_up import noise, noise_points

    if args.work_ms is None:
        encoded = frame()
        sent, source = encoded.frame, encoded.source
    else:
        sent, source = noise(), "noise"
    points = None if args.no_lidar else noise_points() if sent.points is None else sent.points
    height, width = sent.rig.image_size
    sweep = "" if points is None else f" and {len(points):,} points"
    return replace(sent, points=points), f"stereo of {width} x {height}{sweep}, {source}"
