"""`ssc-ros evaluate`: a checkpoint or a baseline against the ground truth of a data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.commands.arguments import add_evaluation_arguments, frame_range
from ssc_ros.core.resources import shipped_checkpoint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ssc_ros.data.sequence import LabelledSequence
    from ssc_ros.inference.predictors import Predictor

HELP = "score a checkpoint or a baseline on a data set with ground truth"
DESCRIPTION = """\
Predicts every frame that has ground truth and scores the predictions as the official SemanticKITTI evaluation does:
IoU of completion, mIoU over the classes, by range and within the camera's view. Beside it stands how many obstacles
near the robot are found and how many are false (docs/evaluation.md). A network that reads past frames is shown them
too, whether or not they have ground truth. Writes tables to the terminal and report.md, metrics.json and pictures to
a dated folder; RESULTS/latest points to it.

  ssc-ros evaluate --data ~/kitti --sequence 08
  ssc-ros evaluate --data ~/kitti --sequence 08 --checkpoint models/l2cocc_lidar_edge.safetensors
  ssc-ros evaluate --data ~/kitti --sequence 08 --checkpoint fused.safetensors --segmentation points.safetensors
  ssc-ros evaluate --data ~/kitti --sequence 08 --checkpoint labelled.safetensors --without-lidar
  ssc-ros evaluate --data ~/kitti --sequence 08 --checkpoint labelled.safetensors --semantics maps --label-map ade20k
  ssc-ros evaluate --data ~/kitti --sequence 08 --baseline stereo --pictures 0
  ssc-ros evaluate --data ~/kitti --sequence 08 --baseline prior --train-sequences 00 01
  ssc-ros evaluate --data synth --sequence 08 11 --fuse
  ssc-ros evaluate --data ~/sscbench --sequence 0006 --baseline stereo
  ssc-ros evaluate --task segmentation --data ~/kitti --sequence 08 --checkpoint models/polarnet_edge.safetensors
  ssc-ros evaluate --task pixels --data ~/kitti --sequence 08 --checkpoint models/segmenter.safetensors

The layout, SemanticKITTI or SSCBench-KITTI-360, is told from the folder. --save-predictions writes what the official
tools and the SemanticKITTI server read: OUT/sequences/NN/predictions/NNNNNN.label. Of a sequence without ground truth,
such as the hidden 11 to 21, every fifth frame is predicted and saved, as the server wants it, and nothing is scored.

--fuse completes every frame, fuses the grids at the data set's poses into a rolling map, past frames alone, and scores
what the map says beside the single grids (docs/mapping.md).

--task segmentation scores the classes of LiDAR points, of every sweep that has labels, by the rules of that official
evaluation; of a sequence it reads velodyne and labels alone. --votes 4 averages over mirror images of each sweep.

--task pixels scores the classes of the left image at the labelled LiDAR points that the camera sees, by their distance.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="root of the data set")
    parser.add_argument("--sequence", nargs="+", required=True, metavar="NN", help="sequences, such as 08")
    parser.add_argument(
        "--frames", type=frame_range, default=slice(None), metavar="A:B", help="frames A up to, not including, B"
    )
    parser.add_argument(
        "--train-sequences", nargs="+", metavar="NN", help="what --baseline prior learns (default: the official split)"
    )
    parser.add_argument("--save-predictions", type=Path, metavar="OUT", help="write predictions for the official tools")
    parser.add_argument(
        "--task",
        choices=tuple(_EVALUATIONS),
        default="completion",
        help="what is scored (default: completion)",
    )
    parser.add_argument(
        "--votes", type=int, default=1, metavar="N", help="segmentation: mirror images of a sweep that vote, 1 to 4"
    )
    parser.add_argument(
        "--without-lidar", action="store_true", help="show a network that can do without a LiDAR no points"
    )
    parser.add_argument(
        "--semantics",
        type=Path,
        metavar="DIR",
        help="completion: class maps of the left images by another network, sequences/NN/semantic_2/FFFFFF.png",
    )
    parser.add_argument(
        "--label-map", metavar="NAME|FILE", help="what the ids of --semantics mean, such as cityscapes (config/labels)"
    )
    add_evaluation_arguments(parser, ("prior", "stereo"))


def run(args: argparse.Namespace) -> int:
    """Evaluate."""
    return _EVALUATIONS[args.task](args)


def _evaluate_scenes(args: argparse.Namespace) -> int:
    from ssc_ros.core import SscError
    from ssc_ros.data.predictions import write_prediction
    from ssc_ros.data.sequence import open_sequences
    from ssc_ros.evaluation.session import EvaluationSession
    from ssc_ros.inference.fused_evaluation import FusedEvaluation, moments
    from ssc_ros.inference.labelled_stream import labelled_ids, labelled_samples, predict_keyframes

    # what is there to score
    sequences, out = open_sequences(args.data, args.sequence), args.save_predictions
    chosen = sum(len(labelled_ids(sequence, args.frames)) for sequence in sequences)
    if not chosen and not out:
        raise SscError(
            f"sequence {' '.join(args.sequence)} of {args.data} has no ground truth in the frames asked for; "
            "--save-predictions OUT predicts without it"
        )
    predictor = _predictor(args, sequences[0])
    # nothing: predictions alone
    if not chosen:
        count = predict_keyframes(predictor, sequences, args.frames, out)
        print(f"no ground truth, so no scores: {count} predictions in {out}")
        return 0
    # something: predictions, saved where asked for, and their scores
    config = {
        "data": str(args.data), "sequences": args.sequence, "sensors": list(predictor.sensors), **predictor.origin
    }  # fmt: skip
    what = f"{predictor.name} on {' '.join(args.sequence)}", args.results, sequences[0].grid, sequences[0].label_set
    if args.fuse:
        both = FusedEvaluation(*what, frames=chosen, pictures=args.pictures, config=config)
        both.run(predictor.completer, moments(predictor, sequences, args.frames))
        both.finish()
        return 0
    session = EvaluationSession(*what, frames=chosen, pictures=args.pictures, config=config)
    session.run(
        predictor.completer,
        labelled_samples(predictor, sequences, args.frames),
        (lambda sample, grid: write_prediction(out, sample.sequence, sample.frame_id, grid)) if out else None,
    )
    session.finish()
    return 0


def _predictor(args: argparse.Namespace, sequence: LabelledSequence) -> Predictor:
    from ssc_ros.core import SscError
    from ssc_ros.data.class_maps import ClassMaps
    from ssc_ros.inference import predictors

    if args.semantics and args.baseline:
        raise SscError("a baseline reads no class maps; leave --semantics out")
    maps = ClassMaps.open(args.semantics, args.label_map) if args.semantics else None
    if args.baseline == "stereo":
        return predictors.stereo_predictor(sequence.grid, sequence.label_set)
    if args.baseline == "prior":
        return predictors.prior_predictor(args.data, args.train_sequences, sequence.grid, sequence.label_set)
    path = args.checkpoint or shipped_checkpoint()
    predictor = predictors.checkpoint_predictor(path, args.device, args.threads, args.backend, args.segmentation)
    predictor = predictors.without_lidar(predictor) if args.without_lidar else predictor
    return predictors.with_class_maps(predictor, maps) if maps else predictor


def _evaluate_points(args: argparse.Namespace) -> int:
    from ssc_ros.core import SscError
    from ssc_ros.data.predictions import write_point_prediction
    from ssc_ros.data.sweeps import open_sweeps
    from ssc_ros.evaluation.point_session import PointSession, Sweep
    from ssc_ros.evaluation.results import sha256
    from ssc_ros.inference.segmenter import PointSegmenter

    if args.checkpoint is None:
        raise SscError("name what gives classes to points: --checkpoint models/polarnet_edge.safetensors")
    segmenter = PointSegmenter.from_checkpoint(args.checkpoint, args.device, args.threads, args.backend)
    label_set, name, out = segmenter.metadata.label_set, segmenter.metadata.model_id, args.save_predictions
    # which sweeps: those with labels, or, where predictions are saved, all
    chosen = [
        (sequence, sweep_id)
        for sequence in open_sweeps([args.data], args.sequence)
        for sweep_id in sequence.sweep_ids[args.frames]
        if out or sweep_id in sequence.labelled_ids
    ]
    if not chosen:
        raise SscError(
            f"sequence {' '.join(args.sequence)} of {args.data} has no labels in the frames asked for; "
            "--save-predictions OUT predicts without them"
        )

    # predictions, saved where asked for, and their scores
    def keep(sweep: Sweep, labels: NDArray[np.uint8]) -> None:
        write_point_prediction(out, sweep.sequence, sweep.sweep_id, label_set.raw_from_train(labels))

    segmenter.warm_up()
    session = PointSession(label_set)
    sweeps = (Sweep(s.name, i, s.points(i), s.train_ids(i, label_set)) for s, i in chosen)
    session.run(
        lambda points: segmenter.segment(points, votes=args.votes).labels, sweeps, len(chosen), keep if out else None
    )
    if not session.scored:
        print(f"no labels, so no scores: {len(chosen)} predictions in {out}")
        return 0
    config = {
        "data": str(args.data), "sequences": args.sequence, "votes": args.votes,
        "checkpoint": str(args.checkpoint), "checkpoint_sha256": sha256(args.checkpoint),
    }  # fmt: skip
    session.finish(f"{name} on {' '.join(args.sequence)}", args.results, config)
    return 0


def _evaluate_pixels(args: argparse.Namespace) -> int:
    from ssc_ros.core import SscError
    from ssc_ros.data.semantic_kitti import SemanticKitti
    from ssc_ros.evaluation.pixel_session import LabelledFrame, PixelSession
    from ssc_ros.evaluation.results import sha256
    from ssc_ros.inference.image_segmenter import ImageSegmenter

    if args.checkpoint is None:
        raise SscError("name what gives classes to pixels: --checkpoint models/segmenter.safetensors")
    segmenter = ImageSegmenter.from_checkpoint(args.checkpoint, args.device, args.threads)
    label_set, names = segmenter.metadata.label_set, " ".join(args.sequence)
    chosen = [
        (sequence, frame_id)
        for sequence in SemanticKitti(args.data, args.sequence).sequences
        if sequence.has_point_labels
        for frame_id in sequence.frame_ids[args.frames]
    ]
    if not chosen:
        raise SscError(f"sequence {names} of {args.data} has no labels/*.label in the frames asked for")
    session = PixelSession(label_set)
    frames = (LabelledFrame(s.frame(i), label_set.train_from_raw_points(s.point_labels(i))) for s, i in chosen)
    session.run(lambda frame: segmenter.segment(frame).classes, frames, len(chosen))
    config = {
        "data": str(args.data), "sequences": args.sequence,
        "checkpoint": str(args.checkpoint), "checkpoint_sha256": sha256(args.checkpoint),
    }  # fmt: skip
    session.finish(f"{segmenter.metadata.model_id} on {names}", args.results, config)
    return 0


_EVALUATIONS = {"completion": _evaluate_scenes, "segmentation": _evaluate_points, "pixels": _evaluate_pixels}
