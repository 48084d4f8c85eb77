"""`ssc-ros kitti2bag`: a SemanticKITTI sequence as a ROS 2 bag."""

from __future__ import annotations

import argparse
from pathlib import Path

from ssc_ros.commands.arguments import frame_range

HELP = "convert a SemanticKITTI sequence into a ROS 2 bag"
DESCRIPTION = """\
Writes the rectified stereo pair, its calibration, the LiDAR sweeps, the poses and the ground truth of a sequence as a
rosbag2 bag, without a ROS installation. Every message of a frame carries that frame's exact stamp of times.txt.

  /left/image_rect, /right/image_rect    sensor_msgs/Image, rgb8
  /left/camera_info, /right/camera_info  sensor_msgs/CameraInfo; the right P holds the baseline
  /points                                sensor_msgs/PointCloud2 in the frame velodyne
  /odometry                              nav_msgs/Odometry, odom -> velodyne
  /ground_truth/grid                     ssc_ros_msgs/SemanticVoxelGrid, where a frame has voxels
  /tf_static                             velodyne -> cam2_optical, cam3_optical

The message definitions are stored in the bag, so `ros2 bag play`, Foxglove and plain mcap readers open it.

  ssc-ros kitti2bag --data ~/kitti --sequence 08 --out kitti_08
  ssc-ros kitti2bag --data ~/kitti --sequence 08 --out start --frames 0:100 --storage sqlite3
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder that holds sequences/")
    parser.add_argument("--sequence", required=True, metavar="NN", help="sequence, such as 08")
    parser.add_argument("--out", type=Path, required=True, metavar="BAG", help="folder of the bag to write")
    parser.add_argument("--storage", choices=("mcap", "sqlite3"), default="mcap", help="file format (default: mcap)")
    parser.add_argument(
        "--frames", type=frame_range, default=slice(None), metavar="A:B", help="frames A up to, not including, B"
    )
    parser.add_argument("--no-truth", action="store_true", help="leave the ground truth out")
    parser.add_argument("--no-lidar", action="store_true", help="leave the LiDAR sweeps out")
    parser.add_argument("--force", action="store_true", help="replace a bag that exists")


def run(args: argparse.Namespace) -> int:
    """Convert, and say what was written."""
    from ssc_ros.data.semantic_kitti import SemanticKitti
    from ssc_ros.messages.kitti_bag import convert

    (sequence,) = SemanticKitti(args.data, [args.sequence]).sequences
    frame_ids = sequence.frame_ids[args.frames]
    with_truth, with_points = not args.no_truth, not args.no_lidar
    convert(sequence, args.out, frame_ids, args.storage, with_truth, with_points, replace=args.force)
    truths = len(set(frame_ids) & set(sequence.voxel_ids)) if with_truth else 0
    megabytes = sum(file.stat().st_size for file in args.out.iterdir()) / 1e6
    print(f"{args.out}: {len(frame_ids)} frames, {truths} with ground truth, {megabytes:.0f} MB")
    return 0
