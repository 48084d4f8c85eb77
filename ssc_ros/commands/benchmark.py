"""`ssc-ros benchmark`: where the time of a prediction goes."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.commands.arguments import positive_integer, positive_number
from ssc_ros.core.resources import SHIPPED_CHECKPOINT, find_file, shipped_checkpoint

if TYPE_CHECKING:
    from rich.console import Console

    from ssc_ros.profiling.frames import EncodedFrame
    from ssc_ros.profiling.setting import Setting

WORD = "ros"
"""First argument of `ssc-ros benchmark` that measures the node."""
HELP = "measure where the time of a prediction goes, compare two settings, or measure the ROS node"
DESCRIPTION = """\
Completes one frame again and again, PNG in and message out, and says how long each stage takes: decode of the images,
stereo matching, input preparation, the network's parts, labels (argmax and upsampling), message. By --backend torch
these parts are all modules at the top of the network, by others what they have compiled and what they have left.
Medians with the 10th and 90th percentile, on the wall clock and in CPU time of all threads. On a busy machine trust
the CPU time; waiting threads count in it too, so it says most with one thread.

  ssc-ros benchmark                                             # the shipped checkpoint, as the node runs it
  ssc-ros benchmark --backend torch                             # module by module
  ssc-ros benchmark --compare backend=torch backend=openvino-bf16
  ssc-ros benchmark --all-backends                              # every one that is installed, in turns
  ssc-ros benchmark --compare threads=1 threads=2 --rounds 40
  ssc-ros benchmark sgn edge --threads 2 --json sgn.json
  ssc-ros benchmark models/l2cocc_lidar_edge.safetensors --data ~/kitti --sequence 08
  ssc-ros benchmark --compare l2cocc/edge,threads=2 vlscene/edge,threads=2

--compare takes two lists of changes to the setting that the other arguments make: network (the word alone: a file, or
SYSTEM/PRESET), backend, threads, device. Both run in turns, A B, B A, A B, in one process, so that what else the
machine does slows down both; the ratio of medians has its spread by bootstrap over the rounds. A system and preset get
random weights; a network that chooses its work by what it sees may take another time then.

The last rows are the roofline: what the network would take if its convolutions and matrix products ran as fast as one
large product does here, and if its operations, one by one, moved their data as fast as one large copy does.

The frame comes from a data set in the SemanticKITTI layout, or is simulated, which takes a minute or several: the
simulator is compiled first. A network that reads past frames has seen the same frame there, standing still.

`ssc-ros benchmark ros` runs three processes on a ROS domain of their own, over the loopback interface: a publisher that
sends that frame again and again, the node, and a subscriber of its grids. It says how many frames were dropped and why,
how long they took (50th, 95th and 99th percentile) from stamp to arrival at the subscriber and from arrival in the node
to publication, what the node adds to inference, and CPU time and memory of each process.

  ssc-ros benchmark ros --data ~/kitti                          # 60 s at 10 Hz, 60 s at 20 Hz
  ssc-ros benchmark ros --checkpoint models/l2cocc_lidar_edge.safetensors --hz 10 --threads 2
  ssc-ros benchmark ros --work-ms 0                             # noise and no network: the node's own time
  ssc-ros benchmark ros --work-ms 45 --hz 20 --json node.json   # drops, if a network took 45 ms of 50
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "what",
        nargs="*",
        metavar="SYSTEM PRESET | FILE | ros",
        help=f"what to measure (default: {SHIPPED_CHECKPOINT})",
    )
    parser.add_argument("--backend", help="what runs the network, see docs/node.md (default: auto, as in the node)")
    parser.add_argument(
        "--threads", type=positive_integer, metavar="N", help="of torch and OpenCV (default: one per core)"
    )
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, cuda:1 (default: cpu)")
    several = parser.add_mutually_exclusive_group()
    several.add_argument("--compare", nargs=2, metavar=("A", "B"), help="two settings, such as threads=1 threads=2")
    several.add_argument(
        "--all-backends", action="store_true", help="every backend that can run here, but torch.compile (takes minutes)"
    )
    parser.add_argument("--rounds", type=positive_integer, default=20, metavar="N", help="that count (default: 20)")
    parser.add_argument(
        "--warm-up", type=positive_integer, default=3, metavar="N", help="before that do not (default: 3)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="root of a data set (default: SSC_KITTI_ROOT, else a simulated frame)"
    )
    parser.add_argument("--sequence", default="08", metavar="NN", help="of the data set (default: 08)")
    parser.add_argument("--frame", metavar="NNNNNN", help="of the sequence (default: its first)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON")
    _add_ros_arguments(parser)


def _add_ros_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that the other benchmarks do not have."""
    group = parser.add_argument_group("benchmark ros")
    group.add_argument(
        "--hz", type=positive_number, nargs="+", default=[10.0, 20.0], help="frames per second (default: 10 20)"
    )
    group.add_argument("--seconds", type=positive_number, default=60.0, metavar="S", help="at each rate (default: 60)")
    group.add_argument(
        "--checkpoint",
        type=find_file,
        metavar="FILE",
        help="what is measured, also without this word; of the node (default: the shipped one)",
    )
    group.add_argument(
        "--work-ms", type=float, metavar="T", help="no network, but one that is made up and takes T milliseconds"
    )
    for name, help_ in (("parallel", "that the node completes at once"), ("waiting", "that wait for the network")):
        group.add_argument(f"--{name}-frames", type=int, default=1, metavar="N", help=f"{help_} (default: 1)")
    group.add_argument("--no-lidar", action="store_true", help="send no sweeps")


def run(args: argparse.Namespace) -> int:
    """Measure."""
    return _measure_node(args) if args.what[:1] == [WORD] else _measure_networks(args)


def _measure_networks(args: argparse.Namespace) -> int:
    from rich.console import Console

    from ssc_ros.core.files import write_atomically
    from ssc_ros.profiling.run import all_backends, open_what_can_be, run
    from ssc_ros.profiling.subject import Subject

    setting, console = _setting(args), Console()
    settings = [setting.changed(text) for text in args.compare] if args.compare else [setting]
    if args.all_backends:
        settings = all_backends(setting)
    encoded = _frame(args, console)
    if args.all_backends:

        def left_out(setting: Setting, reason: Exception) -> None:
            console.print(f"{setting.backend} is left out: {reason}", highlight=False, markup=False)

        subjects = open_what_can_be(settings, encoded, left_out)
    else:
        subjects = [Subject(setting, encoded) for setting in settings]
    result = run(subjects, encoded.source, args.rounds, args.warm_up, console, ratios=bool(args.compare))
    for table in [result.overview()] if args.all_backends else result.tables():
        console.print(table)
    for line in result.facts():
        console.print(line, highlight=False, markup=False)
    if args.json:
        write_atomically(args.json, result.to_json().encode())
    return 0


def _measure_node(args: argparse.Namespace) -> int:
    from rich.console import Console

    from ssc_ros.core.files import write_atomically
    from ssc_ros.profiling.ros.rates import run_rates, sent_frame
    from ssc_ros.profiling.ros.run import Load

    _require_ros_arguments(args)
    console, made_up = Console(), args.work_ms is not None
    checkpoint = None if made_up else args.checkpoint or shipped_checkpoint()
    frame, source = sent_frame(None if made_up else _frame(args, console), with_points=not args.no_lidar)
    load = Load(
        args.hz[0],
        args.seconds,
        checkpoint,
        work_ms=args.work_ms or 0.0,
        threads=_threads(args),
        device=args.device,
        backend=args.backend or "auto",
        parallel_frames=args.parallel_frames,
        waiting_frames=args.waiting_frames,
    )
    result = run_rates(load, args.hz, frame, source, console)
    console.print(result.table())
    if args.json:
        write_atomically(args.json, result.to_json().encode())
    return 0


def _require_ros_arguments(args: argparse.Namespace) -> None:
    """Make sure that the arguments of `ros` fit each other."""
    from ssc_ros.core import SscError

    if args.what[1:]:
        raise SscError(f"'{' '.join(args.what[1:])}' is one word too many; name the node's network with --checkpoint")
    if args.compare or args.all_backends:
        raise SscError("benchmark ros measures the node as it is, without --compare and --all-backends")
    if args.checkpoint and args.work_ms is not None:
        raise SscError("choose one of --checkpoint and --work-ms: either a network runs, or a made-up one")


def _setting(args: argparse.Namespace) -> Setting:
    from ssc_ros.core import SscError
    from ssc_ros.profiling.setting import Setting

    if len(args.what) > 2:
        raise SscError(f"'{' '.join(args.what)}' is not a system and a preset, and not one checkpoint")
    if args.what and args.checkpoint:
        raise SscError(f"'{' '.join(args.what)}' and --checkpoint {args.checkpoint} are two networks; name one")
    network = "/".join(args.what) or str(args.checkpoint or shipped_checkpoint())
    return Setting(network, args.backend or "auto", _threads(args), args.device)


def _threads(args: argparse.Namespace) -> int:
    return args.threads or len(os.sched_getaffinity(0))


def _frame(args: argparse.Namespace, console: Console) -> EncodedFrame:
    from ssc_ros.profiling.frames import recorded, simulated

    root = args.data or os.environ.get("SSC_KITTI_ROOT")
    if root:
        return recorded(Path(root), args.sequence, args.frame)
    with console.status("simulate a frame (--data DIR takes a recorded one)"):
        return simulated()
