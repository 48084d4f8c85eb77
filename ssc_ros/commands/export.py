"""`ssc-ros export`: what a backend needs of a checkpoint, made beforehand and scored."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.core.resources import SHIPPED_CHECKPOINT, shipped_checkpoint

if TYPE_CHECKING:
    from ssc_ros.core import Frame
    from ssc_ros.data.sequence import LabelledSequence
    from ssc_ros.inference.completer import SceneCompleter

HELP = "compile a checkpoint for a backend, quantise it, and score what that costs"
DESCRIPTION = """\
Compiles the dense parts of a checkpoint for a backend into the user's cache, where every command finds them, and says
how well it agrees with torch. With --data, both complete frames with ground truth: the report has the share of equal
labels and the mIoU of both. A loss of more than --allow-loss points of mIoU is an error, and nothing is kept.

  ssc-ros export --backend openvino-bf16
  ssc-ros export --backend openvino-int8 --data ~/synth --sequence 08 --calibrate-on 00
  ssc-ros export models/l2cocc_lidar_edge.safetensors --backend openvino --data ~/synth --frames 50

openvino-int8 is quantised for the activations that it has on frames of --calibrate-on, so it needs --data. Other
backends are compiled when a command first uses them; exporting them only saves that time.
"""
LOSS = 0.3
"""Points of mIoU that quantisation may cost."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "checkpoint", nargs="?", type=Path, metavar="FILE", help=f"what to export (default: {SHIPPED_CHECKPOINT})"
    )
    parser.add_argument("--backend", required=True, help="such as openvino-int8, see docs/node.md")
    parser.add_argument("--data", type=Path, metavar="DIR", help="root of a data set, for calibration and scores")
    parser.add_argument("--sequence", default="08", metavar="NN", help="that is scored (default: 08)")
    parser.add_argument("--calibrate-on", default="00", metavar="NN", help="that int8 is calibrated on (default: 00)")
    parser.add_argument("--frames", type=int, default=20, metavar="N", help="that are scored (default: 20)")
    parser.add_argument(
        "--calibration-frames", type=int, default=32, metavar="N", help="that int8 is calibrated on (default: 32)"
    )
    parser.add_argument("--allow-loss", type=float, default=LOSS, metavar="POINTS", help=f"of mIoU (default: {LOSS})")


def run(args: argparse.Namespace) -> int:
    """Export."""
    from ssc_ros.core import SscError
    from ssc_ros.inference.backends.backend import Backend, candidates
    from ssc_ros.inference.completer import SceneCompleter, choose_device

    path = args.checkpoint or shipped_checkpoint()
    (backend,) = candidates(Backend.named(args.backend).name, choose_device("auto"))
    if not args.data and backend.precision == "int8":
        raise SscError("int8 is calibrated on frames: name a data set, --data DIR")
    torch_itself = SceneCompleter.from_checkpoint(path)
    made: list[Path] = []
    if backend.precision == "int8":
        from ssc_ros.inference.backends.quantize import quantize_parts

        frames = _spread(args.data, args.calibrate_on, args.calibration_frames)
        made = quantize_parts(torch_itself, (frame for _, _, frame in frames), backend)
    try:
        exported = SceneCompleter.from_checkpoint(path, backend=backend.name)
        loss = _report(torch_itself, exported, args)
    except SscError:
        _remove(made)
        raise
    if loss > args.allow_loss:
        _remove(made)
        print(f"refused: it loses {loss:.2f} points of mIoU, {args.allow_loss:.2f} are allowed (--allow-loss)")
        return 1
    return 0


def _report(expected: SceneCompleter, found: SceneCompleter, args: argparse.Namespace) -> float:
    """Print what is known of the export; points of mIoU that it loses, 0 without data."""
    deployment = found.deployment
    print(f"backend            {deployment.backend.name}: {', '.join(deployment.parts) or 'all'}")
    for path, reason in deployment.left:
        print(f"torch runs         {path}: {reason}")
    if deployment.parity:
        print(f"on a made street   {deployment.parity.agreement:.3%} of the labels that torch is sure of are equal")
    if not args.data:
        return 0.0
    from rich.progress import track

    from ssc_ros.evaluation.confusion import Confusion

    same, count = 0, 0
    confusions = [Confusion(len(expected.metadata.label_set)) for _ in range(2)]
    for sequence, frame_id, frame in track(_spread(args.data, args.sequence, args.frames), "score"):
        truth = sequence.target(frame_id)
        grids = [completer.complete(frame) for completer in (expected, found)]
        for confusion, grid in zip(confusions, grids, strict=True):
            confusion.add(grid.labels, truth)
        same += int((grids[0].labels == grids[1].labels).sum())
        count += truth.size
        for completer in (expected, found):
            completer.forget()
    before, after = (100 * confusion.scores().miou for confusion in confusions)
    print(f"on {args.frames} frames of {args.sequence}    {same / count:.3%} of the labels are equal")
    print(f"mIoU               {before:.2f} by torch, {after:.2f} by {deployment.backend.name}")
    return before - after


def _spread(root: Path, sequence: str, count: int) -> Sequence[tuple[LabelledSequence, str, Frame]]:
    """So many frames with ground truth, evenly spread over a sequence; without their past."""
    from ssc_ros.core import SscError
    from ssc_ros.data.sequence import open_sequences

    (opened,) = open_sequences(root, [sequence])
    ids = sorted(set(opened.voxel_ids).intersection(opened.frame_ids))
    if not ids:
        raise SscError(f"sequence {sequence} of {root} has no ground truth")
    chosen = [ids[i * len(ids) // min(count, len(ids))] for i in range(min(count, len(ids)))]
    return [(opened, frame_id, opened.frame(frame_id)) for frame_id in chosen]


def _remove(made: Sequence[Path]) -> None:
    for path in made:
        path.unlink(missing_ok=True)
        path.with_suffix(".bin").unlink(missing_ok=True)
