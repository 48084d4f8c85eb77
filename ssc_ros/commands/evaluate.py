"""`ssc-ros evaluate`: a checkpoint or a baseline against the ground truth of a data set."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.commands.kitti2bag import parse_slice
from ssc_ros.commands.pixel_evaluation import evaluate_pixels
from ssc_ros.commands.point_evaluation import evaluate_points
from ssc_ros.core import LIDAR, STEREO
from ssc_ros.core.resources import SHIPPED_CHECKPOINT, shipped_checkpoint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ssc_ros.core import SemanticGrid
    from ssc_ros.data.sequence import LabelledSequence
    from ssc_ros.evaluation.session import Completer, Sample
    from ssc_ros.inference.stream import Observer

HELP = "score a checkpoint or a baseline on a data set with ground truth"
DESCRIPTION = """\
Predicts every frame that has ground truth and scores the predictions as the official SemanticKITTI evaluation does:
IoU of completion, mIoU over the classes, by range and within the camera's view. A network that reads past frames is
shown them too, whether or not they have ground truth. Writes a table to the terminal and
report.md, metrics.json and pictures to a dated folder; RESULTS/latest points to it.

  ssc-ros evaluate --data ~/kitti --sequence 08
  ssc-ros evaluate --data ~/kitti --sequence 08 --checkpoint models/l2cocc_lidar_edge.safetensors
  ssc-ros evaluate --data ~/kitti --sequence 08 --checkpoint fused.safetensors --segmentation points.safetensors
  ssc-ros evaluate --data ~/kitti --sequence 08 --baseline stereo --pictures 0
  ssc-ros evaluate --data ~/kitti --sequence 08 --baseline prior --train-sequences 00 01
  ssc-ros evaluate --data ~/sscbench --sequence 0006 --baseline stereo
  ssc-ros evaluate --task segmentation --data ~/kitti --sequence 08 --checkpoint models/polarnet_edge.safetensors
  ssc-ros evaluate --task pixels --data ~/kitti --sequence 08 --checkpoint models/segmenter.safetensors

The layout, SemanticKITTI or SSCBench-KITTI-360, is told from the folder. --save-predictions writes what the official
tools and the SemanticKITTI server read: OUT/sequences/NN/predictions/NNNNNN.label. Of a sequence without ground truth,
such as the hidden 11 to 21, every fifth frame is predicted and saved, as the server wants it, and nothing is scored.

--task segmentation scores the classes of LiDAR points, of every sweep that has labels, by the rules of that official
evaluation; of a sequence it reads velodyne and labels alone. --votes 4 averages over mirror images of each sweep.

--task pixels scores the classes of the left image at the labelled LiDAR points that the camera sees, by their distance.
"""
KEYFRAME_STEP = 5


@dataclass(frozen=True)
class Candidate:
    """What is scored.

    Attributes:
        completer: makes the predictions.
        name: for people.
        sensors: what it reads of a frame.
        observer: the completer, where it may remember past frames.
        origin: what to keep of it with the result; JSON values.
    """

    completer: Completer
    name: str
    sensors: tuple[str, ...] = (STEREO,)
    observer: Observer | None = None
    origin: Mapping[str, object] = field(default_factory=dict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="root of the data set")
    parser.add_argument("--sequence", nargs="+", required=True, metavar="NN", help="sequences, such as 08")
    parser.add_argument(
        "--frames", type=parse_slice, default=slice(None), metavar="A:B", help="frames A up to, not including, B"
    )
    parser.add_argument(
        "--train-sequences", nargs="+", metavar="NN", help="what --baseline prior learns (default: the official split)"
    )
    parser.add_argument("--save-predictions", type=Path, metavar="OUT", help="write predictions for the official tools")
    parser.add_argument(
        "--task",
        choices=("completion", "segmentation", "pixels"),
        default="completion",
        help="what is scored (default: completion)",
    )
    parser.add_argument(
        "--votes", type=int, default=1, metavar="N", help="segmentation: mirror images of a sweep that vote, 1 to 4"
    )
    add_evaluation_arguments(parser, ("prior", "stereo"))


def add_evaluation_arguments(parser: argparse.ArgumentParser, baselines: Sequence[str]) -> None:
    """Declare what to score and where its results go."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--checkpoint", type=Path, metavar="FILE", help=f"what to score (default: {SHIPPED_CHECKPOINT})")
    what.add_argument("--baseline", choices=baselines, help="score a baseline instead of a network")
    parser.add_argument(
        "--segmentation",
        type=Path,
        metavar="FILE",
        help="what gives classes to LiDAR points, for a checkpoint that reads them",
    )
    parser.add_argument("--pictures", type=int, default=4, metavar="N", help="frames to draw (default: 4)")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="folder of all results (default: results)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 (default: auto)")
    parser.add_argument("--backend", default="torch", help="what runs the network, see docs/node.md (default: torch)")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of the network (default: torch's)")


def run(args: argparse.Namespace) -> int:
    """Evaluate."""
    if args.task == "segmentation":
        return evaluate_points(args)
    if args.task == "pixels":
        return evaluate_pixels(args)
    from ssc_ros.core import SscError
    from ssc_ros.data.predictions import write_prediction
    from ssc_ros.data.sequence import open_sequences
    from ssc_ros.evaluation.session import EvaluationSession

    sequences = open_sequences(args.data, args.sequence)
    chosen = sum(len(set(s.voxel_ids).intersection(s.frame_ids[args.frames])) for s in sequences)
    if not chosen and not args.save_predictions:
        raise SscError(
            f"sequence {' '.join(args.sequence)} of {args.data} has no ground truth in the frames asked for; "
            "--save-predictions OUT predicts without it"
        )
    candidate = _candidate(args, sequences[0])
    if not chosen:
        return _only_predict(candidate, sequences, args)
    session = EvaluationSession(
        f"{candidate.name} on {' '.join(args.sequence)}",
        args.results,
        sequences[0].grid,
        sequences[0].label_set,
        frames=chosen,
        pictures=args.pictures,
        config={
            "data": str(args.data),
            "sequences": args.sequence,
            "sensors": list(candidate.sensors),
            **candidate.origin,
        },
    )

    def keep(sample: Sample, prediction: SemanticGrid) -> None:
        write_prediction(args.save_predictions, sample.sequence, sample.frame_id, prediction)

    samples = _samples(candidate, sequences, args.frames)
    session.run(candidate.completer, samples, keep if args.save_predictions else None)
    session.finish()
    return 0


def _only_predict(candidate: Candidate, sequences: Sequence[LabelledSequence], args: argparse.Namespace) -> int:
    """Save predictions of the keyframes of sequences that have no ground truth."""
    from rich.progress import track

    from ssc_ros.data.predictions import write_prediction
    from ssc_ros.inference.stream import stream

    count = 0
    for sequence in sequences:
        keyframes = [i for i in sequence.frame_ids[args.frames] if int(i) % KEYFRAME_STEP == 0]
        frames = stream(candidate.observer, sequence, keyframes, with_points=LIDAR in candidate.sensors)
        for frame_id, frame in track(frames, f"predict {sequence.name}", total=len(keyframes)):
            prediction = candidate.completer.complete(frame)
            write_prediction(args.save_predictions, sequence.name, frame_id, prediction)
            count += 1
    print(f"no ground truth, so no scores: {count} predictions in {args.save_predictions}")
    return 0


def _samples(candidate: Candidate, sequences: Sequence[LabelledSequence], frames: slice) -> Iterator[Sample]:
    from ssc_ros.evaluation.session import Sample
    from ssc_ros.inference.stream import stream

    for sequence in sequences:
        chosen = set(sequence.voxel_ids).intersection(sequence.frame_ids[frames])
        for frame_id, frame in stream(candidate.observer, sequence, chosen, LIDAR in candidate.sensors):
            yield Sample(sequence.name, frame_id, frame, sequence.target(frame_id))


def _candidate(args: argparse.Namespace, sequence: LabelledSequence) -> Candidate:
    from ssc_ros.inference.baselines import PriorBaseline, StereoBaseline

    if args.baseline == "stereo":
        return Candidate(StereoBaseline(sequence.grid, sequence.label_set), "stereo baseline")
    if args.baseline == "prior":
        truths, names = _training_truths(args)
        prior = PriorBaseline(truths, sequence.grid, sequence.label_set)
        return Candidate(prior, "prior baseline", sensors=(), origin={"fitted_on": names})
    return open_checkpoint(args)


def open_checkpoint(args: argparse.Namespace) -> Candidate:
    """The network of --checkpoint, warm."""
    from ssc_ros.evaluation.results import sha256
    from ssc_ros.inference.completer import SceneCompleter
    from ssc_ros.inference.segmenter import PointSegmenter

    path, segmentation = args.checkpoint or shipped_checkpoint(), args.segmentation
    label = PointSegmenter.from_checkpoint(segmentation, args.device, args.threads).labels if segmentation else None
    completer = SceneCompleter.from_checkpoint(path, args.device, args.threads, args.backend, label)
    completer.warm_up()
    metadata = completer.metadata
    origin = {"checkpoint": str(path), "checkpoint_sha256": sha256(path)}
    origin["backend"] = completer.backend
    if segmentation:
        origin |= {"segmentation": str(segmentation), "segmentation_sha256": sha256(segmentation)}
    return Candidate(completer, metadata.model_id, metadata.inputs, completer, origin)


def _training_truths(args: argparse.Namespace) -> tuple[Iterator[NDArray[np.uint8]], list[str]]:
    """Ground truth of the training sequences, with a progress bar, and their names."""
    from rich.progress import track

    from ssc_ros.core import SscError
    from ssc_ros.data.sequence import open_sequences, training_sequences

    names = list(args.train_sequences or training_sequences(args.data))
    chosen = [(s, frame_id) for s in open_sequences(args.data, names) for frame_id in s.voxel_ids]
    if not chosen:
        raise SscError(
            f"{args.data} has no training sequences with voxels for the prior baseline; name some: --train-sequences 00"
        )
    return (s.target(frame_id) for s, frame_id in track(chosen, "fit the prior")), names
