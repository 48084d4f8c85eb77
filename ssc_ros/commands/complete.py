"""`ssc-ros complete`: grids and pictures of a stereo pair, without ground truth and without ROS."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.commands.arguments import add_camera_arguments, add_network_arguments, names_files, positive_number
from ssc_ros.core.resources import SHIPPED_CHECKPOINT, find_file, shipped_checkpoint

if TYPE_CHECKING:
    from rich.console import Console

    from ssc_ros.assembly.settings import Settings
    from ssc_ros.core import StereoRig
    from ssc_ros.inference.completions import FrameSource
    from ssc_ros.inference.predictors import Predictor

HELP = "grids and pictures of your own stereo images or bag, without ground truth and without ROS"
DESCRIPTION = """\
Completes the scene of each stereo pair and draws it: left image, voxels in perspective and from above, class colours.
The images are to be rectified. Where the camera is mounted is read from --params-file, which `ssc-ros doctor --write`
makes, or else found in the images. Files have no stamps; pairs are matched in the order of their names.

  ssc-ros complete --left 0.png --right 1.png --calibration left.yaml right.yaml --out result
  ssc-ros complete --left left/ --right right/ --calibration calib.txt --params-file robot.yaml --film gif --out result
  ssc-ros complete --bag drive --save npz ply --film mp4 --out result
  ssc-ros view --results result

In the folder --out stand NAME.png, the grids that --save names, and the film. What is there is not made again, so an
interrupted call goes on where it was; a folder of another checkpoint, other images or another mount is refused.
"""
FORMATS = ("npz", "label", "ply")
FILMS = ("gif", "mp4")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_camera_arguments(parser)
    parser.add_argument(
        "--params-file", type=Path, metavar="FILE", help="parameters of the node, with camera.extrinsics"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("completed"), metavar="DIR", help="where results go (default: completed)"
    )
    parser.add_argument(
        "--save",
        nargs="+",
        choices=FORMATS,
        default=["npz"],
        help="grids: npz has all that is known, label SemanticKITTI's raw ids, ply coloured points (default: npz)",
    )
    parser.add_argument("--film", choices=FILMS, help="also write the pictures as one film")
    parser.add_argument(
        "--rate",
        type=positive_number,
        default=10.0,
        metavar="N",
        help="images a second (default: 10)",
    )
    parser.add_argument("--force", action="store_true", help="make again what is there")
    parser.add_argument("--checkpoint", type=find_file, metavar="FILE", help=f"network (default: {SHIPPED_CHECKPOINT})")
    add_network_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Complete, draw, film."""
    from rich.console import Console

    from ssc_ros.core import SscError
    from ssc_ros.evaluation.film import write_film
    from ssc_ros.inference.completions import complete_frames
    from ssc_ros.inference.predictors import checkpoint_predictor
    from ssc_ros.inference.result_folder import ResultFolder

    console = Console(stderr=True)
    mounted = _mounted(args, console)  # before the network is loaded, which takes seconds
    path = args.checkpoint or shipped_checkpoint()
    predictor = checkpoint_predictor(path, args.device, args.threads, args.backend, args.segmentation)
    with _source(args, mounted, predictor, console) as source:
        results = ResultFolder(args.out, args.save, _origin(args, mounted, predictor), args.force)
        names, new = complete_frames(predictor, source, results, console)
    if not names:
        raise SscError("no frame could be completed; `ssc-ros doctor` says what is wrong")
    print(f"{new} frames completed, {len(names) - new} were there; pictures in {args.out}")
    if args.film:
        film = args.out / f"film.{args.film}"
        write_film(film, [results.picture(name) for name in names], args.rate)
        print(f"film {film}")
    return 0


@dataclass(frozen=True)
class _Mounted:
    """Cameras whose place is known.

    Attributes:
        settings: of the node; for a bag, with extrinsics.
        mount: what the user has said of the mount.
        rig: of image files; None for a bag.
    """

    settings: Settings
    mount: str
    rig: StereoRig | None = None


def _mounted(args: argparse.Namespace, console: Console) -> _Mounted:
    """Find the cameras, with what is wrong with them on the console."""
    from ssc_ros.assembly.doctor.parameters import read_settings
    from ssc_ros.assembly.doctor.placement import place_rig, placed_settings
    from ssc_ros.core import SscError
    from ssc_ros.messages.topics import TOPICS

    settings = read_settings(args.params_file, args.image_transport, rectify=args.rectify)
    said = str(settings.camera.extrinsics or "found in the images")
    warn = partial(_warn, console)
    if names_files(args):
        return _Mounted(settings, said, place_rig(args.left, args.right, args.calibration, settings, warn))
    if not args.bag:
        raise SscError("name what to complete: --left, --right and --calibration, or --bag")
    return _Mounted(placed_settings(args.bag, TOPICS.remapped(dict(args.remap)), settings, warn), said)


@contextmanager
def _source(
    args: argparse.Namespace, mounted: _Mounted, predictor: Predictor, console: Console
) -> Iterator[FrameSource]:
    """The frames of files or of a bag."""
    from ssc_ros.assembly.bag_frames import BagFrames
    from ssc_ros.assembly.image_files import FileFrames, paired_files
    from ssc_ros.assembly.lidar_use import LidarUse, lidar_use
    from ssc_ros.assembly.named_frames import NamedBagFrames
    from ssc_ros.core import SEMANTIC_KITTI_GRID, SscError
    from ssc_ros.messages.bag_reader import open_bag_reader
    from ssc_ros.messages.calibration_files import read_stereo_calibration
    from ssc_ros.messages.rectification import rectifiers
    from ssc_ros.messages.topics import TOPICS

    settings = mounted.settings
    lidar = lidar_use(predictor.sensors, settings.lidar.enabled)
    if mounted.rig is not None:
        if lidar is LidarUse.REQUIRED:
            raise SscError("the checkpoint reads LiDAR, which image files do not have; use a bag or another one")
        infos = read_stereo_calibration(args.calibration, mounted.rig.image_size)
        rectify = rectifiers(*infos, settings.rectify)
        yield FileFrames(paired_files(args.left, args.right), mounted.rig, args.rate, rectify)
        return
    warn = partial(_warn, console)
    frame_id = settings.grid.frame_id or SEMANTIC_KITTI_GRID.frame_id
    with open_bag_reader(args.bag) as bag:
        frames = BagFrames(bag, frame_id, settings, lidar, TOPICS.remapped(dict(args.remap)), warn)
        yield NamedBagFrames(frames, bag.counts[frames.left_topic])
        for reason, count in frames.drops.counts().items():
            warn(f"left out as '{reason.value}': {count}")


def _warn(console: Console, text: str) -> None:
    console.print(f"warning: {text}", soft_wrap=True, highlight=False, markup=False)


def _origin(args: argparse.Namespace, mounted: _Mounted, predictor: Predictor) -> dict[str, str]:
    """What the results of a folder have in common."""
    inputs = (args.bag,) if args.bag else (args.left, args.right, *args.calibration)
    return {
        "input": " ".join(str(path.resolve()) for path in inputs),
        "mount": mounted.mount,
        **{name: str(value) for name, value in predictor.origin.items() if name.endswith("sha256")},
    }
