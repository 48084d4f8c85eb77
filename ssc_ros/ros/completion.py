"""A frame's way: messages -> Frame -> completer -> SemanticGrid -> outputs, counted and timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock

from ssc_ros.assembly.drop_counter import DropCounter
from ssc_ros.assembly.frames import FrameAssembler, StereoSet
from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.statistics import Latencies, Rate
from ssc_ros.assembly.worker import Finish
from ssc_ros.core import Frame, SceneGrid, SemanticGrid
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.ros.outputs.messages import header
from ssc_ros.ros.outputs.publishers import Outputs
from ssc_ros.ros.ports import Completer
from ssc_ros_msgs.msg import Status

OWN_STAGES = ("waiting", "conversion", "publication")
"""Stages that the node times itself: until a complete set is taken up, messages to frame, grid to messages in turn."""
TOTAL = "total"
"""Arrival to publication: the node's own stages and the completer's."""


@dataclass
class Pipeline:
    """Completes message sets, in as many threads at once as it has completers, and publishes them in one at a time.

    Attributes:
        completers: one for each thread, of the same network; a single one if that reads past frames.
        assembler: reads the messages.
        outputs: where grids go.
        drops: where unusable frames are counted.
        settings: the current ones; may be replaced.
        now: the node's clock [ns].
        alive: whether publishing still makes sense.
        newest: the last grid, or None.
        alone: why the last frame was completed without its past by a network that reads it; empty if it was not.
        published: how often a grid was published.
        skipped: frames that nobody wanted.
        latency: stamp to publication, on the node's clock.
        processing: arrival to publication, on the wall clock.
    """

    completers: Sequence[Completer]
    assembler: FrameAssembler
    outputs: Outputs
    drops: DropCounter
    settings: Settings
    now: Callable[[], int]
    alive: Callable[[], bool]
    newest: SemanticGrid | None = None
    alone: str = ""
    published: Rate = field(default_factory=Rate)
    skipped: int = 0
    latency: Latencies = field(default_factory=Latencies)
    processing: Latencies = field(default_factory=Latencies)
    _outdated: bool = False  # what the completer remembers; only its own thread may tell it so
    _assembling: Lock = field(default_factory=Lock)

    @property
    def completer(self) -> Completer:
        """One of them, to be asked what they have in common."""
        return self.completers[0]

    @property
    def scene(self) -> SceneGrid:
        """The grid, in the frame that the robot calls it by."""
        scene = self.completer.metadata.grid
        return replace(scene, frame_id=self.settings.grid.frame_id or scene.frame_id)

    @property
    def lanes(self) -> list[Callable[[StereoSet], Finish | None]]:
        """For each completer, what completes one set with it, and returns what publishes the grid."""
        return [partial(self._take, completer) for completer in self.completers]

    def _take(self, completer: Completer, inputs: StereoSet) -> Finish | None:
        if not (self.settings.always_run or self.outputs.wanted):
            self.skipped += 1
            return None
        publish: Finish | None = None
        with self._one_frame_at_most():
            publish = self._complete(completer, inputs)
        return publish  # noqa: RET504 (None if it was dropped)

    @contextmanager
    def _one_frame_at_most(self) -> Iterator[None]:
        """Whatever goes wrong costs this frame only."""
        try:
            yield
        except UnusableInput as error:
            self.drops.explain(error)
        except Exception as error:
            if self.alive():
                text = f"{type(error).__name__}: {error}; the node goes on with the next frame"
                self.drops.explain(UnusableInput(Drop.INFERENCE, text))

    def forget(self) -> None:
        """Forget what was sensed and found before, because time or place jumped."""
        self.assembler.reset()
        self.newest, self.alone = None, ""
        self._outdated = True

    def restart(self) -> None:
        """Count from zero, as after activation."""
        self.forget()
        self.drops.reset()
        self.published, self.skipped = Rate(), 0
        self.latency, self.processing = Latencies(), Latencies()

    def _complete(self, completer: Completer, inputs: StereoSet) -> Finish:
        begin = time.monotonic_ns()
        with self._assembling:
            frame = self.assembler(inputs)
        assembled = time.monotonic_ns()
        if self._outdated:
            self._outdated = False
            completer.forget()
        grid = replace(completer.complete(frame, confidence=self.outputs.want_confidence), grid=self.scene)
        completed = time.monotonic_ns()
        stages = {
            "waiting": 1e-6 * (begin - inputs.arrival),
            "conversion": 1e-6 * (assembled - begin),
            **completer.timings,
        }

        def publish() -> None:
            with self._one_frame_at_most():
                self.outputs.publish(grid)
                end = time.monotonic_ns()
                self.newest = grid
                self.published.tick()
                self._check_pose(frame)
                stages["publication"] = 1e-6 * (end - completed)
                self._report(frame, grid, stages, 1e-9 * (end - inputs.arrival))

        return publish

    def _check_pose(self, frame: Frame) -> None:
        """Say so where the network had to do without past frames because nobody knows where they were."""
        self.alone = ""
        if not self.completer.history.count or frame.T_world_grid is not None:
            return
        odometry = self.settings.odometry
        if not odometry.enabled:
            self.alone = "odometry.enabled is false, so the network sees single frames; set it and configure again"
            return
        pose = "nav_msgs/Odometry on 'odometry'"
        if odometry.source == "tf":
            pose = f"the transform of '{self.scene.frame_id}' in '{odometry.fixed_frame}' on /tf"
        self.alone = (
            f"there is no ego pose at the image's stamp, so the network sees single frames: publish {pose} at least "
            "every odometry.max_gap seconds, stamped by the clock of the images"
        )
        self.drops.explain(UnusableInput(Drop.POSE_MISSING, self.alone))

    def _report(self, frame: Frame, grid: SemanticGrid, stages: dict[str, float], processing: float) -> None:
        latency = (self.now() - grid.stamp) / 1e9
        self.latency.add(latency)
        self.processing.add(processing)
        status = Status(
            header=header(grid),
            frame=self.published.total,
            latency=latency,
            processing_time=processing,
            lidar_used=frame.points is not None,
            odometry_used=frame.T_world_grid is not None,
            drops=self.drops.frames,
        )
        timings = {f"processing_time/{name}": value for name, value in stages.items()}
        timings |= {f"processing_time/{TOTAL}": 1e3 * processing, "pipeline_latency": 1e3 * latency}
        self.outputs.report(status, timings)
