"""`ssc-ros doctor`: whether the cameras are fit, and how they are mounted."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.commands.arguments import add_camera_arguments, names_files, positive_integer, positive_number

if TYPE_CHECKING:
    from ssc_ros.assembly.doctor.stereo import Image, StereoExamination
    from ssc_ros.assembly.settings import Settings

HELP = "look at cameras, topics or a bag: what is wrong, and how the camera is mounted"
DESCRIPTION = """\
Looks at a stereo pair before the node does: sizes, encodings, rates, stamps and pairing, calibration and baseline,
whether the images are a rectified pair, exposure, clouds and odometry. One line each: ok, or what is wrong and what to
do. Estimates height, pitch and roll of the left camera from the ground that it sees, and prints the parameter
camera.extrinsics that says so; with --write a parameter file, with which the node starts at once. The images are to be
rectified, or raw with --rectify, and some of them should show level ground. The exit status is 1 if anything is wrong.

  ssc-ros doctor                                                    live topics, as the node would listen to them
  ssc-ros doctor --remap left/image_rect:=/zed/left/image_rect_color --remap right/image_rect:=... --write robot.yaml
  ssc-ros doctor --bag drive --write robot.yaml
  ssc-ros doctor --left left/ --right right/ --calibration left.yaml right.yaml --write robot.yaml
  ssc-ros doctor --left 0.png --right 1.png --calibration calib.txt
  ssc-ros node --params-file robot.yaml

A calibration is two camera_info files of ROS (camera_calibration), or KITTI's calib.txt, or KITTI-360's
perspective.txt.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_camera_arguments(parser)
    parser.add_argument(
        "--seconds", type=positive_number, default=5.0, metavar="S", help="of a bag or of live topics (default: 5)"
    )
    parser.add_argument("--frames", type=positive_integer, default=10, metavar="N", help="to look at (default: 10)")
    parser.add_argument("--params-file", type=Path, metavar="FILE", help="parameters of the node, to be confirmed")
    parser.add_argument("--speed", action="store_true", help="measure the shipped network on a frame, which takes 20 s")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the parameters that the node needs")
    parser.add_argument("--force", action="store_true", help="let --write replace a file")
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="everything after it goes to ROS: -r, --log-level"
    )


def run(args: argparse.Namespace) -> int:
    """Look, print, write."""
    from rich.console import Console

    from ssc_ros.assembly.doctor.parameters import parameter_text, read_settings, require_free, write_parameters
    from ssc_ros.assembly.doctor.report import print_extrinsics, print_findings

    if args.write:
        require_free(args.write, args.force)
    settings = read_settings(args.params_file, args.image_transport, rectify=args.rectify)
    examination = _examine(args, settings)
    console = Console()
    print_findings(console, examination.findings)
    print_extrinsics(console, examination)
    if args.write:
        write_parameters(args.write, parameter_text(examination, settings), args.force)
        console.print(f"wrote {args.write}: ssc-ros node --params-file {args.write}", soft_wrap=True)
    return 0 if all(finding.ok for finding in examination.findings) else 1


def _examine(args: argparse.Namespace, settings: Settings) -> StereoExamination:
    """Look at what was named: files, a bag, or else live topics."""
    from ssc_ros.assembly.doctor.files import examine_files
    from ssc_ros.assembly.image_files import first_pair
    from ssc_ros.messages.topics import TOPICS

    if names_files(args):
        examination = examine_files(args.left, args.right, args.calibration, settings, args.frames)
        return _timed(args, settings, examination, first_pair(args.left, args.right), float("nan"))
    if args.bag:
        from ssc_ros.assembly.doctor.bag import record_bag

        topics = TOPICS.remapped(dict(args.remap))
        recording = record_bag(args.bag, topics, settings, args.seconds, args.frames)
    else:
        from ssc_ros.ros.doctor import record_topics

        recording = record_topics(settings, args.seconds, args.frames, dict(args.remap), args.ros_args)
    examination = recording.examine()
    return _timed(args, settings, examination, recording.first_pair() if args.speed else None, recording.rate)


def _timed(
    args: argparse.Namespace,
    settings: Settings,
    examination: StereoExamination,
    pair: tuple[Image, Image] | None,
    rate: float,
) -> StereoExamination:
    """Measure the network too, where that is wanted and possible."""
    if not args.speed or pair is None or examination.rig is None:
        return examination
    from ssc_ros.assembly.doctor.report import with_speed
    from ssc_ros.core import Frame
    from ssc_ros.inference.speed import seconds_per_frame

    frame = Frame(0, *pair, examination.placed_rig)
    seconds = seconds_per_frame(frame, settings.device, settings.threads or None, settings.backend)
    return with_speed(examination, seconds, rate)
