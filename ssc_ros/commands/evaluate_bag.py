"""`ssc-ros evaluate-bag`: a checkpoint or a baseline against the ground truth in a bag."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.commands.arguments import add_evaluation_arguments, add_topic_argument
from ssc_ros.core.resources import shipped_checkpoint

if TYPE_CHECKING:
    from ssc_ros.assembly.bag_frames import BagFrames, BagTruth
    from ssc_ros.evaluation.session import Sample
    from ssc_ros.inference.fused_evaluation import Moment
    from ssc_ros.inference.predictors import Predictor

HELP = "score a checkpoint or a baseline on a bag with ground truth"
DESCRIPTION = """\
Reads stereo, LiDAR, odometry and ground truth from a bag through the node's own synchroniser and message readers, but
without ROS, DDS or a clock: nothing is lost, and the same bag gives the same scores every time. The bag needs
/ground_truth/grid and, unless the camera is in the grid's frame, /tf_static; kitti2bag writes both.

  ssc-ros evaluate-bag --bag kitti_08
  ssc-ros evaluate-bag --bag kitti_08 --checkpoint models/l2cocc_lidar_edge.safetensors --pictures 10
  ssc-ros evaluate-bag --bag kitti_08 --baseline stereo
  ssc-ros evaluate-bag --bag robot --params-file robot.yaml
  ssc-ros evaluate-bag --bag kitti_08 --fuse
  ssc-ros evaluate-bag --bag robot --topic left_image=/front/left/image_rect --topic left_info=/front/left/camera_info

Table, report.md, metrics.json and pictures are those of `ssc-ros evaluate`. --fuse needs odometry in the bag.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--bag", type=Path, required=True, metavar="BAG", help="folder of a rosbag2 bag")
    add_topic_argument(parser)
    parser.add_argument(
        "--params-file", type=Path, metavar="FILE", help="parameters of the node: image_transport, rectify, extrinsics"
    )
    add_evaluation_arguments(parser, ("stereo",))


def run(args: argparse.Namespace) -> int:
    """Evaluate."""
    from ssc_ros.assembly.bag_frames import BagFrames, BagTruth
    from ssc_ros.assembly.doctor.parameters import read_settings
    from ssc_ros.assembly.lidar_use import lidar_use
    from ssc_ros.evaluation.session import EvaluationSession
    from ssc_ros.inference.fused_evaluation import FusedEvaluation
    from ssc_ros.messages.bag_reader import open_bag_reader
    from ssc_ros.messages.topics import Topics

    topics = Topics(**dict(args.topics))
    with open_bag_reader(args.bag) as bag:
        truth = BagTruth(bag, topics.ground_truth)
        predictor = _predictor(args, truth)
        lidar = lidar_use(predictor.sensors, enabled=True)
        settings = read_settings(args.params_file) if args.params_file else None
        frames = BagFrames(bag, truth.first.grid.frame_id, settings, lidar, topics)
        name = args.bag.resolve().name
        what = f"{predictor.name} on {name}", args.results, truth.first.grid, truth.first.label_set
        config = {"bag": str(args.bag), "sensors": list(predictor.sensors), **predictor.origin}
        if args.fuse:
            both = FusedEvaluation(*what, frames=len(truth), pictures=args.pictures, config=config)
            both.run(predictor.completer, _moments(frames, truth, name))
            both.finish()
        else:
            session = EvaluationSession(*what, frames=len(truth), pictures=args.pictures, config=config)
            session.run(predictor.completer, _samples(predictor, frames, truth, name))
            session.finish()
    for reason, count in frames.drops.counts().items():
        print(f"left out as '{reason.value}': {count}")
    return 0


def _moments(frames: BagFrames, truth: BagTruth, name: str) -> Iterator[Moment]:
    """All frames, with ground truth or without."""
    from ssc_ros.inference.fused_evaluation import Moment

    for frame in frames.frames():
        labels = truth[frame.stamp].labels if frame.stamp in truth else None
        yield Moment(name, f"{frame.stamp / 1e9:.3f}s", frame, labels)


def _samples(predictor: Predictor, frames: BagFrames, truth: BagTruth, name: str) -> Iterator[Sample]:
    """The frames with ground truth; those in between are shown to a network that remembers them."""
    from ssc_ros.evaluation.session import Sample

    observer = predictor.observer
    remembers = observer is not None and observer.history.count > 0
    for frame in frames.frames(wanted=lambda stamp: remembers or stamp in truth):
        if frame.stamp in truth:
            yield Sample(name, f"{frame.stamp / 1e9:.3f}s", frame, truth[frame.stamp].labels)
        elif observer is not None:
            observer.observe(frame)


def _predictor(args: argparse.Namespace, truth: BagTruth) -> Predictor:
    from ssc_ros.inference import predictors

    if args.baseline:
        return predictors.stereo_predictor(truth.first.grid, truth.first.label_set)
    path = args.checkpoint or shipped_checkpoint()
    return predictors.checkpoint_predictor(path, args.device, args.threads, args.backend, args.segmentation)
