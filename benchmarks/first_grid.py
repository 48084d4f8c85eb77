"""From the command to the first grid: how long a fresh machine takes, and one that has run the node before.

  python benchmarks/first_grid.py --repeats 3
  python benchmarks/first_grid.py --repeats 3 -- --segmentation models/polarnet_edge.safetensors

A camera of 10 Hz is there before the node. Each round starts the node three times: with an empty cache folder, again
with what that start left behind, and with an empty folder in which `node --warm-up` has run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import rclpy
from rclpy.qos import QoSProfile

from ssc_ros.core import Frame, StereoRig, poses
from ssc_ros.messages.stamps import header_stamp
from ssc_ros.messages.transports import large_message_variables
from ssc_ros.profiling.ros.publisher import FrameSource
from ssc_ros.ros.demo.processes import ssc_ros
from ssc_ros.ros.replay.replay import find_message_class
from ssc_ros_msgs.msg import SemanticVoxelGrid

HZ = 10.0
PATIENCE = 300.0
"""How long to wait for a grid [s]."""
GONE = 10.0
"""How long the node before may be remembered [s]."""
SIZE, FOCAL_LENGTH, BASELINE = (376, 1241), 707.0, 0.54
"""KITTI's camera."""
EXTRINSICS = "[0.27,0.0,-0.08,-0.5,0.5,-0.5,0.5]"
COLUMNS = ("empty cache", "second start", "after node --warm-up", "the warm-up itself")


def noise() -> Frame:
    """A frame of random pixels: the first grid takes as long, whatever it shows."""
    left, right = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), np.uint8)
    camera = np.array([[FOCAL_LENGTH, 0, SIZE[1] / 2], [0, FOCAL_LENGTH, SIZE[0] / 2], [0, 0, 1]])
    optical = poses.from_rows(np.array([0, 0, 1, 0, -1, 0, 0, 0, 0, -1, 0, 0]))
    return Frame(0, left, right, StereoRig(camera, BASELINE, SIZE, optical))


class Camera:
    """Publishes one frame again and again, on a thread of its own, and hears grids."""

    def __init__(self) -> None:
        rclpy.init()
        self.node = rclpy.create_node("first_grid")
        self.arrived = threading.Event()
        self._since = time.time_ns()
        self._source = FrameSource(noise(), HZ, 1_000_000)
        self._publishers = {
            topic: self.node.create_publisher(find_message_class(kind), topic, QoSProfile(depth=5))
            for topic, kind in self._source.types.items()
        }
        self.node.create_subscription(SemanticVoxelGrid, "/ssc_node/grid", self._take, 1)
        for work in (lambda: rclpy.spin(self.node), self._publish):
            threading.Thread(target=work, daemon=True).start()

    def _publish(self) -> None:
        for record in self._source.records():
            time.sleep(max(0.0, 1e-9 * (record.stamp - time.time_ns())))
            self._publishers[record.topic].publish(bytes(record.data))

    def _take(self, grid: SemanticVoxelGrid) -> None:
        if header_stamp(grid) > self._since:  # else it is one of the node before
            self.arrived.set()

    def time_node(self, cache: Path, arguments: list[str]) -> float:
        """Start the node, and return the seconds to its first grid."""
        deadline = time.monotonic() + GONE
        while self.node.count_publishers("/ssc_node/grid"):
            if time.monotonic() > deadline:
                sys.exit("another node is on this domain; try again")
            time.sleep(0.05)
        self._since = time.time_ns()
        self.arrived.clear()
        begin = time.monotonic()
        node = start(cache, [*arguments, "--ros-args", "-p", f"camera.extrinsics:={EXTRINSICS}"])
        try:
            while not self.arrived.wait(0.05):
                if node.poll() is not None or time.monotonic() > begin + PATIENCE:
                    sys.exit("no grid came")
            return time.monotonic() - begin
        finally:
            node.terminate()
            node.wait()


def start(cache: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start the node, with a cache folder of its own."""
    return subprocess.Popen(ssc_ros("node", *arguments), env=os.environ | {"XDG_CACHE_HOME": str(cache)})


def main() -> None:
    """Measure, and print each round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("arguments", nargs="*", help="further ones of ssc-ros node")
    args = parser.parse_args()
    os.environ |= {"ROS_DOMAIN_ID": str(1 + os.getpid() % 100), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    os.environ |= large_message_variables()  # without which images get lost
    camera, rounds = Camera(), []
    for _ in range(args.repeats):
        with tempfile.TemporaryDirectory() as folder:
            empty, warmed = Path(folder, "empty"), Path(folder, "warmed")
            times = [camera.time_node(empty, args.arguments) for _ in range(2)]
            begin = time.monotonic()
            if start(warmed, [*args.arguments, "--warm-up"]).wait():
                sys.exit("the warm-up failed")
            warm_up = time.monotonic() - begin
            rounds.append([*times, camera.time_node(warmed, args.arguments), warm_up])
        print("  ".join(f"{name} {seconds:.1f} s" for name, seconds in zip(COLUMNS, rounds[-1], strict=True)))
    print("medians", np.median(rounds, axis=0).round(1).tolist(), f"of {args.repeats}; load {os.getloadavg()[0]:.1f}")
    os._exit(0)  # the threads would go on for ever


if __name__ == "__main__":
    main()
