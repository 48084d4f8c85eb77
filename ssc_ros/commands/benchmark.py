"""`ssc-ros benchmark`: where the time of a prediction goes."""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.commands.ros_benchmark import WORD, add_ros_arguments, measure_node
from ssc_ros.core.resources import SHIPPED_CHECKPOINT, shipped_checkpoint

if TYPE_CHECKING:
    from rich.console import Console

    from ssc_ros.inference.stages import Span
    from ssc_ros.profiling.frames import EncodedFrame
    from ssc_ros.profiling.setting import Setting
    from ssc_ros.profiling.subject import Subject

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
    parser.add_argument("--threads", type=_positive, metavar="N", help="of torch and OpenCV (default: one per core)")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, cuda:1 (default: cpu)")
    several = parser.add_mutually_exclusive_group()
    several.add_argument("--compare", nargs=2, metavar=("A", "B"), help="two settings, such as threads=1 threads=2")
    several.add_argument(
        "--all-backends", action="store_true", help="every backend that can run here, but torch.compile (takes minutes)"
    )
    parser.add_argument("--rounds", type=_positive, default=20, metavar="N", help="that count (default: 20)")
    parser.add_argument("--warm-up", type=_positive, default=3, metavar="N", help="before that do not (default: 3)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="root of a data set (default: SSC_KITTI_ROOT, else a simulated frame)"
    )
    parser.add_argument("--sequence", default="08", metavar="NN", help="of the data set (default: 08)")
    parser.add_argument("--frame", metavar="NNNNNN", help="of the sequence (default: its first)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON")
    add_ros_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Measure."""
    if args.what[:1] == [WORD]:
        return measure_node(args, _threads(args), partial(_frame, args))
    from rich.console import Console
    from rich.progress import track

    from ssc_ros.core.files import write_atomically
    from ssc_ros.evaluation.results import provenance
    from ssc_ros.kernels.memory import peak_memory, resident_memory
    from ssc_ros.profiling.machine import MEGABYTE, machine, peak_gpu_memory
    from ssc_ros.profiling.report import Measurement, Result, compared
    from ssc_ros.profiling.subject import Subject, measure

    setting = _setting(args)
    settings = [setting.changed(text) for text in args.compare] if args.compare else [setting]
    if args.all_backends:
        settings = _all_backends(setting)
    console = Console()
    encoded = _frame(args, console)
    subjects = _open(settings, encoded, console) if args.all_backends else [Subject(s, encoded) for s in settings]
    rounds: list[list[dict[str, Span]]] = []
    memory: dict[str, float] = {}
    total = args.warm_up + args.rounds
    for said in track(measure(subjects, args.rounds, args.warm_up), "measure", total, console=console):
        rounds.append(said)
        if len(rounds) == args.warm_up:
            memory["after the warm-up"] = resident_memory() / MEGABYTE
    memory["at the end"] = resident_memory() / MEGABYTE
    # Linux counts the two in different ways, which differ by some pages
    peak = max(peak_memory() / MEGABYTE, *memory.values())
    memory |= {"growth": memory["at the end"] - memory["after the warm-up"], "peak": peak}
    if (on_gpu := peak_gpu_memory()) is not None:
        memory["peak on the GPU"] = on_gpu
    by_subject = list(zip(*rounds[args.warm_up :], strict=True))
    measurements = [Measurement.of(s.setting, said, s.roofline()) for s, said in zip(subjects, by_subject, strict=True)]
    ratios = compared(*by_subject) if args.compare else {}
    result = Result(measurements, ratios, memory, encoded.source, machine=machine(), provenance=provenance())
    for table in [result.overview()] if args.all_backends else result.tables():
        console.print(table)
    for line in result.facts():
        console.print(line, highlight=False, markup=False)
    if args.json:
        write_atomically(args.json, result.to_json().encode())
    return 0


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


def _all_backends(setting: Setting) -> list[Setting]:
    from dataclasses import replace

    from ssc_ros.inference.backends.backend import installed
    from ssc_ros.inference.completer import choose_device

    backends = installed(choose_device(setting.device))
    return [replace(setting, backend=backend.name) for backend in backends if backend.library != "compile"]


def _open(settings: list[Setting], encoded: EncodedFrame, console: Console) -> list[Subject]:
    """Those that can be opened; the others are named."""
    from ssc_ros.core import SscError
    from ssc_ros.profiling.subject import Subject

    subjects: list[Subject] = []
    for setting in settings:
        try:
            subjects.append(Subject(setting, encoded))
        except SscError as error:  # noqa: PERF203 (it takes seconds to open one)
            if not subjects:  # torch comes first: what it cannot open nobody can
                raise
            console.print(f"{setting.backend} is left out: {error}", highlight=False, markup=False)
    return subjects


def _frame(args: argparse.Namespace, console: Console) -> EncodedFrame:
    from ssc_ros.profiling.frames import recorded, simulated

    root = args.data or os.environ.get("SSC_KITTI_ROOT")
    if root:
        return recorded(Path(root), args.sequence, args.frame)
    with console.status("simulate a frame (--data DIR takes a recorded one)"):
        return simulated()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number")
    return int(text)
