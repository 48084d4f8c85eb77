"""`ssc-ros view`: a running node, a bag or a folder of results in a browser."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.commands.arguments import remapping

if TYPE_CHECKING:
    from rich.console import Console

    from ssc_ros.viewing.scene import SceneLog

HELP = "show a running node, a bag or a folder of results in a browser"
DESCRIPTION = """\
Serves a page to browsers of this computer: surface voxels in the colours of their classes, left image, LiDAR points,
the scene from above, latency and drops, with a time line. Needs the extra `viewer` (rerun). The page is bound
to 127.0.0.1 and reaches no other host; rerun's statistics of use are off. Ctrl-C ends it. From another computer:
ssh -L PORT:127.0.0.1:PORT -L DATA:127.0.0.1:DATA, with both ports of the printed address.

  ssc-ros view                                       what the node publishes now
  ssc-ros view --node front/ssc_node --remap left/image_rect:=/front/left/image_rect
  ssc-ros view --bag drive                           a bag with /ssc_node/grid, or with ground truth
  ssc-ros view --results completed --open            what `ssc-ros complete` has made
"""
PORT = 9090


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--bag", type=Path, metavar="BAG", help="show a rosbag2 bag")
    what.add_argument("--results", type=Path, metavar="DIR", help="show the grids of a folder (NAME.npz)")
    parser.add_argument("--node", default="ssc_node", metavar="NAME", help="of the node (default: ssc_node)")
    parser.add_argument(
        "--remap", type=remapping, action="append", default=[], metavar="A:=B", help="name of an input; repeatable"
    )
    parser.add_argument(
        "--image-transport", choices=("raw", "compressed"), default="raw", help="of the left image (default: raw)"
    )
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"of the page; 0: any (default: {PORT})")
    parser.add_argument("--open", action="store_true", help="open the page in the default browser")
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="everything after it goes to ROS: -r, --log-level"
    )


def run(args: argparse.Namespace) -> int:
    """Serve, show, wait."""
    import signal
    import sys
    import webbrowser

    from rich.console import Console

    from ssc_ros.viewing.results import grid_files
    from ssc_ros.viewing.scene import SceneLog
    from ssc_ros.viewing.server import serve_viewer

    if args.results:
        grid_files(args.results)  # before anything is served
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that rerun ends too
    with serve_viewer(args.port) as viewer:
        scene = SceneLog(viewer.data)
        print(f"open {viewer.page} in a browser; Ctrl-C ends the view", flush=True)
        if args.open:
            webbrowser.open(viewer.page)
        try:
            _show(args, scene, console)
        finally:
            scene.close()
    return 0


def _show(args: argparse.Namespace, scene: SceneLog, console: Console) -> None:
    """Show what was asked for until Ctrl-C."""
    from threading import Event

    from ssc_ros.messages.bag_reader import open_bag_reader
    from ssc_ros.messages.topics import TOPICS
    from ssc_ros.viewing.messages import KINDS, MessageView, topics_to_view, view_bag
    from ssc_ros.viewing.results import view_results

    def warn(text: str) -> None:
        console.print(f"warning: {text}", soft_wrap=True, highlight=False, markup=False)

    view = MessageView(scene, args.image_transport, warn)
    renamed = TOPICS.remapped(dict(args.remap))
    if args.results:
        print(f"{view_results(args.results, scene)} grids of {args.results}", flush=True)
        Event().wait()
    elif args.bag:
        with open_bag_reader(args.bag) as bag:
            view_bag(bag, view, topics_to_view(renamed, args.node, args.image_transport), renamed.ground_truth)
        shown = ", ".join(f"{count} {name}" for name, count in view.counts.items() if count)
        print(f"{shown or 'nothing'} of {args.bag}", flush=True)
        Event().wait()
    else:
        from ssc_ros.ros.viewer import listen_forever

        kinds = KINDS | ({"left_image": "CompressedImage"} if args.image_transport == "compressed" else {})
        topics = topics_to_view(TOPICS, args.node, args.image_transport)
        listen_forever(topics, kinds, view.take, warn, dict(args.remap), args.ros_args)
