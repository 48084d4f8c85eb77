"""What stands in for a camera, a LiDAR and a network, so that what is left is the node's own.

As a program it is the node with a completer that takes a given time:

    python -m ssc_ros.profiling.ros.made_up --work-ms 90 [--ros-args ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from ssc_ros.assembly.settings import Settings
from ssc_ros.core import LIDAR, SEMANTIC_KITTI, SEMANTIC_KITTI_GRID, STEREO, Frame, SemanticGrid, StereoRig, poses
from ssc_ros.ros.run import run_node
from ssc_ros.systems.spec import History

OPTICAL = poses.from_quaternion(np.array([-0.5, 0.5, -0.5, 0.5]), np.array([0.27, 0.06, -0.08]))
RIG = StereoRig(np.array([[718.856, 0, 607.1928], [0, 718.856, 185.2157], [0, 0, 1]]), 0.5372, (376, 1241), OPTICAL)
"""Size and calibration of KITTI's odometry sequences 00 to 02."""
POINTS = 120_000
"""Of a sweep of 64 beams."""
SHIFT = 20
"""Between left and right image, so that they can be matched [pixels]."""


def street(seed: int = 0) -> SemanticGrid:
    """A grid whose columns are filled up to a wavy height: about 7 % occupied, as in SemanticKITTI."""
    rng = np.random.default_rng(seed)
    x, y = np.indices(SEMANTIC_KITTI_GRID.shape[:2])
    height = 1.1 + 1.6 * np.sin(x / 17) * np.cos(y / 23) + rng.exponential(0.6, x.shape)
    solid = np.arange(SEMANTIC_KITTI_GRID.shape[2]) < height[..., None]
    classes = rng.integers(1, len(SEMANTIC_KITTI), (16, 16, 1), np.uint8).repeat(16, 0).repeat(16, 1)
    labels = np.where(solid, classes, np.uint8(0))
    confidence = rng.integers(100, 255, labels.shape, np.uint8)
    return SemanticGrid(labels, SEMANTIC_KITTI_GRID, SEMANTIC_KITTI, confidence=confidence, model_id="made-up")


def noise(rig: StereoRig = RIG, points: int = POINTS) -> Frame:
    """A stereo pair and a sweep of noise; they take as long to send as real ones, and nothing can compress them."""
    rng = np.random.default_rng(0)
    left = rng.integers(0, 256, (*rig.image_size, 3), np.uint8)
    return Frame(0, left, np.roll(left, -SHIFT, axis=1), rig, noise_points(points))


def noise_points(count: int = POINTS) -> NDArray[np.float32]:
    """A sweep (count, 4) of noise within the grid."""
    rng = np.random.default_rng(1)
    return rng.uniform((0, -25, -2, 0), (50, 25, 3, 1), (count, 4)).astype(np.float32)


class MadeUpCompleter:
    """Looks at every pixel as a network's first layer would, and computes until its time is over."""

    def __init__(self, milliseconds: float) -> None:
        self._seconds = milliseconds / 1e3
        self._grid = street()
        self.metadata = SimpleNamespace(
            model_id="made-up", grid=self._grid.grid, label_set=self._grid.label_set, inputs=(STEREO, LIDAR)
        )
        self.timings = {"network": 0.0}
        self.history, self.past_frames = History(), 0
        self.reads_classes = self.needs_classes = self.reads_class_maps = False
        self.backend = "made-up"

    def forget(self) -> None:
        """Nothing to forget."""

    def warm_up(self) -> None:
        """Nothing to warm."""

    def complete(self, frame: Frame, *, confidence: bool = True) -> SemanticGrid:
        """The same scene for every frame."""
        begin = time.perf_counter()
        while time.perf_counter() - begin < self._seconds:
            frame.left.astype("f4").mean()  # releases the GIL, as torch does
        self.timings["network"] = 1e3 * (time.perf_counter() - begin)
        return replace(self._grid, stamp=frame.stamp)


def main() -> int:
    """Run the node."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work-ms", type=float, default=0.0)
    parser.add_argument("--ros-args", nargs=argparse.REMAINDER, default=[])
    args = parser.parse_args()

    def load(settings: Settings) -> MadeUpCompleter:
        return MadeUpCompleter(args.work_ms)

    return run_node(args.ros_args, {}, load)


if __name__ == "__main__":
    sys.exit(main())
