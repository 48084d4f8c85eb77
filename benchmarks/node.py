"""The node over DDS: its overhead beside inference, what it drops at 10 Hz, and its memory.

    python benchmarks/node.py                               overhead: stereo and LiDAR, inference takes no time
    python benchmarks/node.py --work-ms 90                  drops, when inference takes 90 ms of 100
    python benchmarks/node.py --frames 1000 --hz 20         memory over 1,000 frames
    python benchmarks/node.py --checkpoint F --lockstep     a real network, each frame waited for

Node and replay are processes of their own, on the loopback interface; every image and sweep has KITTI's size.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import rclpy
from measuring import Measured, report
from scene import RIG, NoiseSource

from ssc_ros.core import SscError
from ssc_ros.ros.demonstration import extrinsics
from ssc_ros.ros.grid_recorder import GridRecorder, grid_recorder
from ssc_ros.ros.processes import ChildProcess, processes, ssc_ros
from ssc_ros.ros.replay import Replay, ReplaySettings

WARM = 10
"""Frames at the start that do not count."""


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--hz", type=float, default=10.0)
    parser.add_argument("--work-ms", type=float, default=0.0, help="what inference takes")
    parser.add_argument("--checkpoint", type=Path, help="measure with this network instead")
    parser.add_argument("--lockstep", action="store_true", help="wait for each frame")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, processes(Path(folder)) as group:
        os.environ.update(group.environment)
        node = group.start("node", node_command(args))
        with grid_recorder(lambda stamp: False) as recorder:
            try:
                memory = play(recorder, node, args)
            except SscError:
                print(node.tail(), file=sys.stderr)
                raise
    statuses = recorder.statuses
    own = [1e3 * status.processing_time - args.work_ms for status in statuses[WARM:]]
    quarter = max(len(memory) // 4, 1)
    made_up = not args.checkpoint
    results = {
        "arrival to publication" + (", without inference" if made_up else ""): Measured.of(
            own, "ms", 10.0 if made_up else None
        ),
        "resident memory, second quarter of the time": Measured.of(memory[quarter : 2 * quarter], "MB"),
        "resident memory, last quarter": Measured.of(memory[-quarter:], "MB", 1500.0),
    }
    inference = f"inference of {args.work_ms:g} ms" if made_up else args.checkpoint.name
    report(f"{args.frames} frames at {args.hz:g} Hz, {inference}", results, args.json)
    with_lidar = sum(status.lidar_used for status in statuses)
    print(f"{args.frames} frames sent, {len(statuses)} grids, {with_lidar} with LiDAR, {statuses[-1].drops} drops")
    return 0


def node_command(args: argparse.Namespace) -> list[str]:
    """The node, with a made-up completer or a real one."""
    ros_args = ["--ros-args", "-p", "use_sim_time:=true", "-p", f"camera.extrinsics:={extrinsics(RIG)}"]
    if args.checkpoint:
        return ssc_ros("node", "--checkpoint", str(args.checkpoint), *ros_args)
    program = Path(__file__).with_name("made_up_node.py")
    return [sys.executable, str(program), "--work-ms", str(args.work_ms), *ros_args]


def play(recorder: GridRecorder, node: ChildProcess, args: argparse.Namespace) -> list[float]:
    """Replay from a thread, listen in this one, and sample the node's resident memory [MB] twice a second."""
    context = rclpy.Context()
    rclpy.init(context=context)
    settings = ReplaySettings(wait=60.0, lockstep=60.0 if args.lockstep else None)
    replay = Replay(rclpy.create_node("benchmark", context=context), NoiseSource(args.frames, args.hz), settings)
    errors: list[BaseException] = []
    thread = threading.Thread(target=run, args=(replay, errors), daemon=True)
    thread.start()
    process, memory = psutil.Process(node.pid), []
    while thread.is_alive():
        recorder.spin_until(lambda: not thread.is_alive(), 0.5)
        if recorder.statuses and process.is_running():
            memory.append(process.memory_info().rss / 1e6)
    recorder.spin_until(lambda: len(recorder.statuses) >= args.frames, 2.0)
    rclpy.shutdown(context=context)
    if errors:
        raise errors[0]
    return memory


def run(replay: Replay, errors: list[BaseException]) -> None:
    """Play, and keep the error for the other thread."""
    try:
        replay.run()
    except BaseException as error:
        errors.append(error)


if __name__ == "__main__":
    sys.exit(main())
