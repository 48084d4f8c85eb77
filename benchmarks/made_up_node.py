"""The real node with a completer that takes a given time and returns a made-up grid: what is left is the node's own.

python benchmarks/made_up_node.py --work-ms 90 [--ros-args ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

from scene import street

from ssc_ros.core import LIDAR, STEREO, Frame, SemanticGrid
from ssc_ros.ros.parameters import Settings
from ssc_ros.ros.run import run_node
from ssc_ros.systems.spec import History


class MadeUpCompleter:
    """Looks at every pixel as a network's first layer would, and computes until its time is over."""

    def __init__(self, milliseconds: float) -> None:
        self._seconds = milliseconds / 1e3
        self._grid = street()
        self.metadata = SimpleNamespace(
            model_id="made-up", grid=self._grid.grid, label_set=self._grid.label_set, inputs=(STEREO, LIDAR)
        )
        self.timings = {"network": 0.0}
        self.history, self.past_frames, self.reads_classes = History(), 0, False

    def forget(self) -> None:
        """Nothing to forget."""

    def warm_up(self) -> None:
        """Nothing to warm."""

    def complete(self, frame: Frame) -> SemanticGrid:
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
