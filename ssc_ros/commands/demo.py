"""`ssc-ros demo`: the whole path once, from simulated or real stereo to scores and pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from ssc_ros.commands.arguments import frame_range
from ssc_ros.core.files import user_cache
from ssc_ros.core.resources import SHIPPED_CHECKPOINT, find_file, shipped_checkpoint

HELP = "show the whole path: stereo -> bag -> node over DDS -> scores and pictures"
DESCRIPTION = """\
Takes a short sequence, simulated or real, writes it as a bag, plays the bag to the node, both as processes of their
own on a ROS domain of their own, collects the grids that the node publishes, and scores them against the ground truth,
beside what the node's map says (docs/mapping.md).
The replay waits for the node after each frame, so every frame gets its grid on any computer.

  ssc-ros demo
  ssc-ros demo --kitti-root ~/kitti --sequence 08 --frames 0:100
  ssc-ros demo --checkpoint models/l2cocc_lidar_edge.safetensors
  ssc-ros demo --view
  ssc-ros demo --segmentation models/polarnet_edge.safetensors
  ssc-ros demo --segmentation models/polarnet_edge.safetensors --checkpoint models/l2cocc_fused_edge.safetensors

Simulated frames and bags are kept in WORK, and used again the next time.
"""
SIMULATED_FRAMES = 16
SIMULATED_SEQUENCE = "08"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    cache = user_cache()
    parser.add_argument("--kitti-root", type=Path, metavar="ROOT", help="real data: the folder that holds sequences/")
    parser.add_argument(
        "--sequence", default=SIMULATED_SEQUENCE, metavar="NN", help=f"sequence (default: {SIMULATED_SEQUENCE})"
    )
    parser.add_argument(
        "--frames", type=frame_range, default=slice(101), metavar="A:B", help="frames of real data (default: 0:101)"
    )
    parser.add_argument("--checkpoint", type=find_file, metavar="FILE", help=f"network (default: {SHIPPED_CHECKPOINT})")
    parser.add_argument(
        "--segmentation",
        type=find_file,
        metavar="FILE",
        help="network that gives classes to LiDAR points (default: none)",
    )
    parser.add_argument(
        "--view", action="store_true", help="show it in a browser, until Ctrl-C (needs the extra `viewer`)"
    )
    parser.add_argument(
        "--work-dir", type=Path, default=cache / "demo", metavar="WORK", help=f"data and logs (default: {cache}/demo)"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="folder of all results (default: results)"
    )


def run(args: argparse.Namespace) -> int:
    """Show it."""
    from ssc_ros.core import SscError
    from ssc_ros.data.semantic_kitti import SemanticKitti
    from ssc_ros.messages.kitti_bag import convert
    from ssc_ros.ros.demo.demonstration import Demonstration

    checkpoint = args.checkpoint or shipped_checkpoint()
    for flag, path in (("checkpoint", checkpoint), ("segmentation", args.segmentation)):
        if path and not path.is_file():
            raise SscError(f"there is no checkpoint {path}; name one: --{flag} FILE")
    root = args.kitti_root or _simulated(args.work_dir, args.sequence)
    (sequence,) = SemanticKitti(root, [args.sequence]).sequences
    frame_ids = sequence.frame_ids[args.frames]
    keyframes = [frame_id for frame_id in frame_ids if frame_id in set(sequence.voxel_ids)]
    if not keyframes:
        raise SscError(f"sequence {sequence.name} of {root} has no ground truth in the frames asked for")
    bag = args.work_dir / f"{'kitti' if args.kitti_root else 'synth'}_{sequence.name}"
    print(f"bag          {bag}: {len(frame_ids)} frames, {len(keyframes)} with ground truth")
    convert(sequence, bag, frame_ids, replace=True)
    demonstration = Demonstration(sequence, keyframes, checkpoint, bag, args.work_dir / "logs", args.segmentation)
    demonstration.play(view=args.view)
    demonstration.evaluate(args.results)
    return 0


def _simulated(work_dir: Path, sequence: str) -> Path:
    """Root of a short simulated sequence, made unless this version has made it before."""
    import ssc_ros
    from ssc_ros.commands import simulate

    root = work_dir / f"synth-{ssc_ros.__version__}-{SIMULATED_FRAMES}"
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    wishes = ["--out", str(root), "--sequences", sequence, "--frames", str(SIMULATED_FRAMES)]
    simulate.run(parser.parse_args(wishes))
    return root
