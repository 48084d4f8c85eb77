"""`ssc-ros export`: what a backend needs of a checkpoint, made beforehand and scored."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.core.resources import SHIPPED_CHECKPOINT, find_file, shipped_checkpoint

if TYPE_CHECKING:
    from ssc_ros.data.sequence import LabelledSequence
    from ssc_ros.inference.checkpoint import CheckpointMetadata
    from ssc_ros.inference.completer import SceneCompleter

HELP = "compile a checkpoint for a backend, quantise it, and score what that costs"
DESCRIPTION = """\
Compiles the dense parts of a checkpoint for a backend into the user's cache, where every command finds them, and says
how well it agrees with torch. With --data, both complete frames with ground truth: the report has the share of equal
labels and the mIoU of both. A loss of more than --allow-loss points of mIoU is an error, and nothing is kept.

  ssc-ros export --backend openvino-bf16
  ssc-ros export mine.safetensors --backend openvino-int8 --data ~/synth --sequence 08 --calibrate-on 00
  ssc-ros export models/l2cocc_lidar_edge.safetensors --backend openvino --data ~/synth --frames 50

For openvino-int8, the network is shown frames of --calibrate-on with all that they had before them, and what its
convolutions read is written into the checkpoint, or into a copy of it (--out): from then on `auto` runs it in eight
bits where the CPU multiplies them. A checkpoint that already says so is scored as it is, unless --calibrate-on or
--out is given. Other backends are compiled when a command first uses them; exporting them only saves that time.
"""
LOSS = 0.3
"""Points of mIoU that quantisation may cost."""
CALIBRATE_ON = "00"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "checkpoint", nargs="?", type=Path, metavar="FILE", help=f"what to export (default: {SHIPPED_CHECKPOINT})"
    )
    parser.add_argument("--backend", required=True, help="such as openvino-int8, see docs/node.md")
    parser.add_argument("--data", type=Path, metavar="DIR", help="root of a data set, for calibration and scores")
    parser.add_argument("--sequence", default="08", metavar="NN", help="that is scored (default: 08)")
    parser.add_argument(
        "--calibrate-on", metavar="NN", help=f"sequence whose frames int8 is calibrated on (default: {CALIBRATE_ON})"
    )
    parser.add_argument("--frames", type=int, default=20, metavar="N", help="that are scored (default: 20)")
    parser.add_argument(
        "--calibration-frames", type=int, default=32, metavar="N", help="that int8 is calibrated on (default: 32)"
    )
    parser.add_argument("--allow-loss", type=float, default=LOSS, metavar="POINTS", help=f"of mIoU (default: {LOSS})")
    parser.add_argument(
        "--segmentation",
        type=find_file,
        metavar="FILE",
        help="checkpoint that gives points their classes, for a checkpoint that reads them",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where a quantised checkpoint is written (default: over FILE)"
    )


def run(args: argparse.Namespace) -> int:
    """Export."""
    from ssc_ros.core import SscError
    from ssc_ros.inference.backends.backend import Backend
    from ssc_ros.inference.checkpoint import load_checkpoint, save_checkpoint
    from ssc_ros.inference.completer import SceneCompleter
    from ssc_ros.inference.segmenter import PointSegmenter
    from ssc_ros.networks.reparameterize import fuse

    path = args.checkpoint or shipped_checkpoint()
    backend = Backend.named(args.backend)
    label = PointSegmenter.from_checkpoint(args.segmentation).labels if args.segmentation else None
    expected = SceneCompleter.from_checkpoint(path, label=label)
    metadata = expected.metadata
    eight_bits = backend.precision == "int8"
    if args.out and not eight_bits:
        raise SscError(f"--out is for eight bits: backend '{backend.name}' writes nothing but the user's cache")
    quantise = eight_bits and bool(args.calibrate_on or args.out or not metadata.activation_ranges)
    if quantise:
        if not args.data:
            raise SscError("int8 is calibrated on frames: name a data set, --data DIR")
        metadata = _calibrated(expected, args)
    found = SceneCompleter(fuse(load_checkpoint(path)[0]), metadata, backend=backend.name, label=label)
    loss = _report(expected, found, args)
    if loss > args.allow_loss:
        print(f"refused: it loses {loss:.2f} points of mIoU, {args.allow_loss:.2f} are allowed (--allow-loss)")
        return 1
    if quantise:
        out = args.out or path
        save_checkpoint(out, load_checkpoint(path)[0], metadata)
        print(f"written            {out}")
    return 0


def _calibrated(completer: SceneCompleter, args: argparse.Namespace) -> CheckpointMetadata:
    """The metadata with what the convolutions read of the frames of --calibrate-on."""
    from dataclasses import replace

    from ssc_ros.inference.export import calibrate

    metadata, name = completer.metadata, args.calibrate_on or CALIBRATE_ON
    sequence, frame_ids = _spread(args.data, name, args.calibration_frames)
    ranges = calibrate(completer, sequence, frame_ids)
    origin = metadata.provenance | {"eight bits": f"calibrated on {len(frame_ids)} frames of {name}"}
    return replace(metadata, activation_ranges=ranges, provenance=origin)


def _report(expected: SceneCompleter, found: SceneCompleter, args: argparse.Namespace) -> float:
    """Print what is known of the export; points of mIoU that it loses, 0 without data."""
    from ssc_ros.inference.export import compare

    execution = found.execution
    print(f"backend            {execution.backend.name}: {', '.join(execution.parts) or 'all'}")
    for path, reason in execution.left:
        print(f"torch runs         {path}: {reason}")
    if execution.agreement is not None:
        print(f"on a made street   {execution.agreement:.3%} of the labels that torch is sure of are equal")
    if not args.data:
        return 0.0
    sequence, frame_ids = _spread(args.data, args.sequence, args.frames)
    cost = compare(expected, found, sequence, frame_ids)
    print(f"on {len(frame_ids)} frames of {args.sequence}    {cost.equal:.3%} of the labels are equal")
    print(f"mIoU               {cost.before:.2f} by torch, {cost.after:.2f} by {execution.backend.name}")
    return cost.loss


def _spread(root: Path, name: str, count: int) -> tuple[LabelledSequence, list[str]]:
    from ssc_ros.core import SscError
    from ssc_ros.data.sequence import open_sequences
    from ssc_ros.inference.labelled_stream import spread_ids

    (sequence,) = open_sequences(root, [name])
    if not (frame_ids := spread_ids(sequence, count)):
        raise SscError(f"sequence {name} of {root} has no ground truth")
    return sequence, frame_ids
