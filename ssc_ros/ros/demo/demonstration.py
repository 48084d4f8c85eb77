"""A bag played to a real node over DDS, and what the node published scored against the ground truth."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray

from ssc_ros.assembly.settings_rules import extrinsics
from ssc_ros.core import SemanticGrid, SscError
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.evaluation.points import point_scores
from ssc_ros.evaluation.report import Report
from ssc_ros.evaluation.session import EvaluationSession, Sample
from ssc_ros.ros.demo.grid_recorder import GridRecorder, grid_recorder
from ssc_ros.ros.demo.processes import ChildProcess, Processes, processes, ssc_ros
from ssc_ros_msgs.msg import Status

START_TIMEOUT = 120.0
FRAME_TIMEOUT = 60.0
ARRIVAL_TIMEOUT = 5.0
"""What the node gets to load its network, to complete a frame, and to deliver the last grid [s]."""

SETTLE_TIME = 1.0
"""The node's side of a match, which cannot be seen from here, may come a little later than ours [s]."""


@dataclass
class Demonstration:
    """One bag, one node, one replay, one recorder.

    Attributes:
        sequence: where the ground truth is.
        keyframes: its frames that will be scored.
        checkpoint: the node's network.
        bag: frames of the sequence, with the keyframes among them.
        logs: folder for the logs of node and replay.
        segmentation: network that gives classes to LiDAR points, or None.
        grids: what the node published for the keyframes, by stamp [ns].
        statuses: what it said about every frame.
        sweeps: (N,) train ids of the points of each sweep that came back with classes, by stamp [ns].
        fused: what its map said at the keyframes, by stamp [ns]; empty where the sequence has no poses.
    """

    sequence: KittiSequence
    keyframes: Sequence[str]
    checkpoint: Path
    bag: Path
    logs: Path
    segmentation: Path | None = None
    grids: Mapping[int, SemanticGrid] = field(default_factory=dict)
    statuses: Sequence[Status] = ()
    sweeps: Mapping[int, NDArray[np.uint8]] = field(default_factory=dict)
    fused: Mapping[int, SemanticGrid] = field(default_factory=dict)

    @property
    def has_map(self) -> bool:
        """Whether the node can fuse its grids."""
        return self.sequence.T_world_lidar is not None

    def play(self, view: bool = False) -> None:
        """Run node and replay to the end of the bag.

        Args:
            view: show it in a browser, and wait at the end of the bag until Ctrl-C.

        Raises:
            SscError: one of them failed, or a keyframe got no grid; the end of the node's log goes to stderr.
        """
        stamps = {self._stamp(frame_id) for frame_id in self.keyframes}
        with processes(self.logs) as group:
            os.environ.update(group.environment)  # for the recorder in this process
            if view:
                _start_view(group)
            else:
                seen = "ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST ssc-ros view"
                print(f"view         ROS_DOMAIN_ID={group.domain} {seen}, or make demo VIEW=1")
            with grid_recorder(stamps.__contains__, self.segmentation is not None, self.has_map) as recorder:
                node = self._start_node(group)
                recorder.spin_until(lambda: recorder.connected or node.returncode is not None, START_TIMEOUT)
                recorder.spin_until(lambda: False, SETTLE_TIME)
                replay = group.start("replay", self._replay_command())
                self._record(recorder, node, replay)
                recorder.spin_until(lambda: recorder.kept >= stamps, ARRIVAL_TIMEOUT)
                if self.has_map:
                    recorder.spin_until(lambda: recorder.fused_kept >= stamps, ARRIVAL_TIMEOUT)
                    self.fused = recorder.fused()
                self.grids, self.statuses, self.sweeps = recorder.grids(), recorder.statuses, recorder.sweeps
                if view:
                    _wait_for_interrupt()
                missing = len(stamps - self.grids.keys())
                if missing:
                    raise _failure(f"{missing} of {len(stamps)} frames with ground truth got no grid", node)
                if status := node.stop():
                    raise _failure(f"the node did not leave cleanly, but with status {status}", node)

    def evaluate(self, results: Path) -> Report:
        """Score the grids, and what the map said, as `ssc-ros evaluate` does, and say how fast the node was.

        Args:
            results: folder of all results.

        Returns:
            The scores of the grids.
        """
        if self.fused:
            fused, _ = self._scores(self.fused, " with a map", results)
        report, folder = self._scores(self.grids, "", results)
        print(describe(self.statuses))
        if self.segmentation is not None:
            print(self._describe_sweeps())
        print(f"scores       {_brief(report)}; pictures in {folder}")
        if self.fused:
            print(f"with map     {_brief(fused)}")
        return report

    def _scores(self, grids: Mapping[int, SemanticGrid], how: str, results: Path) -> tuple[Report, Path]:
        """Score grids at the keyframes; return the report and its folder."""
        model = next(iter(grids.values())).model_id
        session = EvaluationSession(
            f"{model} as a node{how} on {self.bag.name}",
            results,
            self.sequence.grid,
            self.sequence.label_set,
            frames=len(self.keyframes),
            config={"bag": str(self.bag), "checkpoint": str(self.checkpoint)},
        )
        for frame_id in self.keyframes:
            frame = self.sequence.frame(frame_id, with_points=False)
            sample = Sample(self.sequence.name, frame_id, frame, self.sequence.target(frame_id))
            if frame.stamp in grids:
                session.add(sample, grids[frame.stamp])
        return session.finish(), session.folder

    def _start_node(self, group: Processes) -> ChildProcess:
        ros_args = ["-p", "use_sim_time:=true", "-p", f"camera.extrinsics:={extrinsics(self.sequence.rig)}"]
        if self.has_map:
            ros_args += ["-p", "map.enabled:=true"]
        if self.segmentation is not None:
            ros_args += ["-p", f"lidar.segmentation_checkpoint:={self.segmentation}"]
        return group.start("node", ssc_ros("node", "--checkpoint", str(self.checkpoint), "--ros-args", *ros_args))

    def _describe_sweeps(self) -> str:
        """How many sweeps have got classes, and, where the data set knows better, how good these are."""
        text = f"points       {len(self.sweeps)} sweeps came back with classes"
        confusion = Confusion(len(self.sequence.label_set))
        for frame_id in self.sequence.frame_ids if (self.sequence.path / "labels").is_dir() else ():
            labels = self.sweeps.get(self.sequence.stamp(frame_id))
            if labels is not None:
                truth = self.sequence.label_set.train_from_raw_points(self.sequence.point_labels(frame_id))
                confusion.add(labels, truth)
        if not confusion.counts.any():
            return text
        scores = point_scores(confusion)
        return f"{text}; accuracy {100 * scores.accuracy:.2f} %, mIoU {100 * scores.miou:.2f} %"

    def _replay_command(self) -> list[str]:
        waiting = ["--wait-for-node", f"{START_TIMEOUT:g}", "--lockstep", f"{FRAME_TIMEOUT:g}"]
        return ssc_ros("replay", "--bag", str(self.bag), *waiting)

    def _record(self, recorder: GridRecorder, node: ChildProcess, replay: ChildProcess) -> None:
        """Receive until the replay is over."""
        recorder.spin_until(lambda: node.returncode is not None or replay.returncode is not None, math.inf)
        if node.returncode is not None:
            raise _failure(f"the node ended with status {node.returncode}", node)
        if replay.returncode:
            print(replay.tail(), file=sys.stderr)
            raise _failure(f"the replay ended with status {replay.returncode}", node)

    def _stamp(self, frame_id: str) -> int:
        return int(self.sequence.times[self.sequence.frame_ids.index(frame_id)])


def _start_view(group: Processes) -> None:
    """Start `ssc-ros view`, and say where it is."""
    view = group.start("view", ssc_ros("view", "--port", "0", "--open"))
    deadline = time.monotonic() + START_TIMEOUT
    while "http://" not in view.tail():
        if view.returncode is not None or time.monotonic() > deadline:
            raise SscError(f"the view does not start: {view.tail(1)}")
        time.sleep(0.1)
    print(f"view         {view.tail()}", flush=True)


def _wait_for_interrupt() -> None:
    print("view         the bag has ended; Ctrl-C ends the view, and scores the grids", flush=True)
    with suppress(KeyboardInterrupt):
        Event().wait()


def _brief(report: Report) -> str:
    """Return the scores of a report in a line."""
    scores, near = report.official, report.obstacles["12.8 m"]
    return (
        f"IoU {100 * scores.iou:.2f} %, mIoU {100 * scores.miou:.2f} %; obstacles within 12.8 m: "
        f"{100 * near.found:.1f} % found, {100 * near.false:.1f} % false"
    )


def describe(statuses: Sequence[Status]) -> str:
    """How a node did, in a line or two."""
    times = 1e3 * np.array([status.processing_time for status in statuses])
    median, slow, worst = np.percentile(times, (50, 95, 100))
    with_lidar = sum(status.lidar_used for status in statuses)
    lidar = f", {with_lidar} with LiDAR" if with_lidar else ""
    return (
        f"node         {len(statuses)} grids{lidar}, {statuses[-1].drops} drops; from arrival to "
        f"publication {median:.0f} ms (median), {slow:.0f} ms (95 %), {worst:.0f} ms (slowest)"
    )


def _failure(text: str, node: ChildProcess) -> SscError:
    print(f"the end of {node.log}:\n{node.tail()}", file=sys.stderr)
    return SscError(f"{text}; see the node's log, {node.log}")
