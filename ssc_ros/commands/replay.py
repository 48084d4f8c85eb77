"""`ssc-ros replay`: a bag or a SemanticKITTI sequence as live topics."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.commands.arguments import add_topic_argument, frame_range, positive_number

if TYPE_CHECKING:
    from ssc_ros.messages.sources import MessageSource
    from ssc_ros.messages.topics import Topics

HELP = "play a bag or a SemanticKITTI sequence as live topics, with /clock"
DESCRIPTION = """\
Publishes recorded stereo, LiDAR, odometry and ground truth with their own stamps and at their own pace, beside a
simulated /clock; start the node with use_sim_time. A bag is played as it is, a KITTI folder as kitti2bag would write
it.

  ssc-ros replay --bag kitti_08 --wait-for-node
  ssc-ros replay --data ~/kitti --sequence 08 --rate 0.5 --loop
  ssc-ros replay --bag kitti_08 --lockstep             every frame gets its grid, however slow the computer is
  ssc-ros replay --bag robot --lockstep --topic left_image=/front/left/image_rect --topic ...
  ssc-ros replay --bag kitti_08 --ros-args -r /left/image_rect:=/front/left/image_rect
"""
WAIT = 60.0
"""Default of --wait-for-node and --lockstep [s]."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--bag", type=Path, metavar="BAG", help="folder of a rosbag2 bag")
    source.add_argument("--data", type=Path, metavar="ROOT", help="folder that holds sequences/; needs --sequence")
    parser.add_argument("--sequence", metavar="NN", help="sequence of --data, such as 08")
    parser.add_argument(
        "--frames", type=frame_range, default=slice(None), metavar="A:B", help="of --data: frames A up to before B"
    )
    add_topic_argument(parser)
    parser.add_argument("--no-lidar", action="store_true", help="leave the LiDAR sweeps out")
    parser.add_argument(
        "--rate", type=positive_number, default=1.0, metavar="R", help="speed (default: 1, as recorded)"
    )
    parser.add_argument("--loop", action="store_true", help="start again at the end, until interrupted")
    parser.add_argument("--start-offset", type=float, default=0.0, metavar="S", help="seconds to skip (default: 0)")
    parser.add_argument(
        "--clock-hz", type=positive_number, default=100.0, metavar="F", help="rate of /clock (default: 100)"
    )
    parser.add_argument(
        "--wait-for-node",
        type=positive_number,
        nargs="?",
        const=WAIT,
        metavar="S",
        help=f"begin when an active node subscribes to the stereo topics; give up after S seconds (default: {WAIT:g})",
    )
    parser.add_argument(
        "--lockstep",
        type=positive_number,
        nargs="?",
        const=WAIT,
        metavar="S",
        help=f"hold time after each frame until the node has answered, at most S seconds (default: {WAIT:g})",
    )
    parser.add_argument(
        "--no-large-data",
        dest="large_data",
        action="store_false",
        help="keep Fast DDS's default transports, over which best-effort subscribers lose most images",
    )
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="everything after it goes to ROS: -r, --log-level"
    )


def run(args: argparse.Namespace) -> int:
    """Play."""
    from ssc_ros.messages.topics import Topics
    from ssc_ros.ros.replay.play import play
    from ssc_ros.ros.replay.replay import ReplaySettings

    settings = ReplaySettings(
        rate=args.rate,
        loop=args.loop,
        offset=args.start_offset,
        clock_hz=args.clock_hz,
        wait=args.wait_for_node or (WAIT if args.lockstep else None),
        lockstep=args.lockstep,
        topics=Topics(**dict(args.topics)),
    )
    play(_source(args, settings.topics), settings, args.ros_args, args.large_data)
    return 0


def _source(args: argparse.Namespace, topics: Topics) -> MessageSource:
    from ssc_ros.core import SscError
    from ssc_ros.data.semantic_kitti import SemanticKitti
    from ssc_ros.messages.encoder import MessageEncoder
    from ssc_ros.messages.grid_cdr import grid_encoder
    from ssc_ros.messages.sources import BagSource, KittiSource
    from ssc_ros.messages.typestore import load_typestore

    if args.bag:
        return BagSource(args.bag, with_points=not args.no_lidar, topics=topics)
    if args.topics:
        raise SscError("--topic names topics of a bag; those of --data have their usual names")
    if not args.sequence:
        raise SscError("--data needs --sequence, such as --sequence 08")
    (sequence,) = SemanticKitti(args.data, [args.sequence]).sequences
    frame_ids = sequence.frame_ids[args.frames]
    if not frame_ids:
        raise SscError(f"no frames chosen: sequence {sequence.name} has {len(sequence.frame_ids)}, counted from 0")
    encoder = MessageEncoder(load_typestore())
    return KittiSource(sequence, encoder, frame_ids, grid_encoder(encoder), with_points=not args.no_lidar)
