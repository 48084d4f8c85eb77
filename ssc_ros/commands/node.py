"""`ssc-ros node`: the ROS 2 node."""

from __future__ import annotations

import argparse

HELP = "run the ROS 2 node: rectified stereo (or LiDAR) in, semantic voxel grids out"

DESCRIPTION = """\
Run the lifecycle node ssc_node, by itself (autostart) or under a lifecycle manager.

It subscribes to left/image_rect, left/camera_info, right/image_rect, right/camera_info, odometry and, if a checkpoint
reads LiDAR, points; it publishes ~/grid, ~/occupied (RViz: PointCloud2, style Boxes), ~/bev, ~/label_info, ~/status
and, with --segmentation, ~/points_semantic. docs/node.md lists the parameters and what the log messages mean.

examples:
  ssc-ros node
  ssc-ros node --checkpoint mine.safetensors --params-file robot.yaml
  ssc-ros node --segmentation models/polarnet_edge.safetensors
  ssc-ros node --segmentation models/polarnet_edge.safetensors --ros-args -p camera.enabled:=false
  ssc-ros node --ros-args -r left/image_rect:=/zed/left/image_rect_color -p image_transport:=compressed
  ssc-ros node --ros-args -r __ns:=/front --log-level debug
  ssc-ros node --warm-up --checkpoint mine.safetensors    # once on a robot, so that its first start takes seconds
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--checkpoint", metavar="FILE", help="a .safetensors checkpoint (default: the shipped one)")
    parser.add_argument(
        "--segmentation", metavar="FILE", help="a .safetensors checkpoint that gives classes to LiDAR points"
    )
    parser.add_argument("--params-file", metavar="FILE", help="parameters, see config/ssc_node.yaml")
    parser.add_argument(
        "--warm-up",
        action="store_true",
        help="compile and convert what the node of these arguments needs on this machine, and end",
    )
    parser.add_argument(
        "--no-large-data",
        dest="large_data",
        action="store_false",
        help="keep Fast DDS's default transports, over which best-effort subscribers lose most messages above 512 KiB",
    )
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="everything after it goes to ROS: -r, -p, --log-level"
    )


def run(args: argparse.Namespace) -> int:
    """Run the node until it is interrupted, or warm it up."""
    from ssc_ros.ros.run import run_node, serve, warm_up

    files = ["--params-file", args.params_file] if args.params_file else []
    checkpoints = {"checkpoint": args.checkpoint, "lidar.segmentation_checkpoint": args.segmentation}
    parameters = {name: path for name, path in checkpoints.items() if path}
    work = warm_up if args.warm_up else serve
    return run_node([*files, *args.ros_args], parameters, large_data=args.large_data, work=work)
