"""The branch that completes scenes: stereo sets -> Frame -> completer -> SemanticGrid -> outputs, counted and timed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock

from diagnostic_msgs.msg import DiagnosticStatus
from nav_msgs.msg import Odometry

from ssc_ros.assembly.frames import FrameAssembler, StereoSet
from ssc_ros.assembly.lidar_use import LidarUse, lidar_use
from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.statistics import OWN_STAGES, TOTAL, Latencies
from ssc_ros.assembly.stereo_watch import StereoWatch
from ssc_ros.assembly.sweep_labeller import SweepLabeller, require_classes
from ssc_ros.assembly.watchdog import explain_no_grid, explain_no_pose
from ssc_ros.assembly.worker import Finish, LatestWorker
from ssc_ros.core import Frame, SemanticGrid
from ssc_ros.data.grid_files import save_grid
from ssc_ros.data.label_maps import read_label_map
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.rectification import doubt_topic
from ssc_ros.messages.stamps import SECOND
from ssc_ros.ros.branch import Branch, Host
from ssc_ros.ros.health import diagnostics
from ssc_ros.ros.map_input import MapInput
from ssc_ros.ros.outputs.messages import header
from ssc_ros.ros.outputs.publishers import Outputs
from ssc_ros.ros.ports import Completer, Follower
from ssc_ros.ros.stereo_input import StereoInput
from ssc_ros_msgs.msg import Status


class Completion(Branch):
    """Completes stereo sets, in as many threads at once as it has completers, and publishes the grids in order.

    Attributes:
        newest: the last grid, or None.
        alone: why the last frame was completed without its past by a network that reads it; empty if it was not.
        processing: arrival to publication, on the wall clock.
    """

    result, results, awaited = "grid", "grids", "stereo pairs"

    def __init__(
        self,
        host: Host,
        settings: Settings,
        completers: Sequence[Completer],
        labeller: SweepLabeller | None,
        follower: Follower | None = None,
    ) -> None:
        """Connect the branch.

        Args:
            host: the node.
            settings: the current ones.
            completers: one for each thread, of the same network; a single one if that reads past frames.
            labeller: gives classes to points, if the node segments them.
            follower: is handed each grid with its pose, if there is one.

        Raises:
            SscError: settings and networks that do not fit each other.
        """
        super().__init__(host, settings, completers[0])
        self.newest: SemanticGrid | None = None
        self.alone = ""
        self.processing = Latencies()
        self._outdated = False  # what the completer remembers; only its own thread may tell it so
        self._assembling = Lock()
        self._completers, self._follower = completers, follower
        self.completer = completers[0]  # to be asked what they have in common
        self.lidar = lidar_use(self.completer.metadata.inputs, settings.lidar.enabled)
        reads_classes = self.completer.reads_classes and self.lidar is not LidarUse.UNUSED
        if reads_classes and (labeller is not None or self.completer.needs_classes):
            require_classes(labeller, self.completer.metadata.label_set)
        self._assembler = FrameAssembler(
            settings,
            host.transforms,
            self.drops.explain,
            points_required=self.lidar is LidarUse.REQUIRED,
            wait_for_pose=self.completer.history.count > 0 or follower is not None,
            label=labeller if reads_classes else None,
        )
        self._reads_maps = self._may_read_maps()
        if self._reads_maps:
            label_map = read_label_map(settings.semantics.label_map)
            self._assembler.train_ids = partial(label_map.train_ids, label_set=self.completer.metadata.label_set)
        stages = [f"processing_time/{name}" for name in (*self.completer.timings, *OWN_STAGES, TOTAL)]
        self._outputs = Outputs(host.node, settings, host.qos_watch, (*stages, "pipeline_latency"))
        host.undo.callback(self._outputs.destroy)
        self._outputs.rehearse(self.completer.metadata.grid, self.completer.metadata.label_set)
        offer = self.work([partial(self._process, c) for c in completers], settings.waiting_frames, "inference")
        self._watch = StereoWatch(host.warn)
        watcher: LatestWorker[Frame] = LatestWorker([self._watch.look], lambda: None, name="stereo-watch")
        host.undo.callback(watcher.close)
        self._show_watch = watcher.offer
        self._maps = MapInput(host.node, host.subscriptions, settings, self._reads_maps, self.drops, offer)
        host.undo.callback(self._maps.destroy)
        self._input = StereoInput(host.node, host.subscriptions, settings, self.lidar, self.drops, self._maps.add)
        host.undo.callback(self._input.destroy)
        for name in self._input.image_topics:
            if doubt := doubt_topic(name, settings.rectify):
                host.warn(doubt)
        self._follow_poses()

    @property
    def topics(self) -> Sequence[str]:
        """Resolved names of the topics that others are expected to subscribe to."""
        return self._outputs.topics

    def apply(self, settings: Settings) -> None:
        """Use new settings, as far as they apply at once."""
        super().apply(settings)
        self._input.apply(settings)
        self._maps.apply(settings)
        self._assembler.settings = self._outputs.settings = settings

    def forget(self) -> None:
        """Forget what was sensed and found before, because time or place jumped."""
        self._input.reset(Drop.TIME_JUMP)
        self._maps.reset(Drop.TIME_JUMP)
        self._assembler.reset()
        self.newest, self.alone = None, ""
        self._outdated = True
        self._watch.forget()

    def restart(self) -> None:
        """Count from zero, as after activation."""
        super().restart()
        self.processing = Latencies()

    def pause(self) -> None:
        """Drop what waits; nothing is published after this."""
        self._input.reset(Drop.PAUSED)
        self._maps.reset(Drop.PAUSED)
        super().pause()

    def save(self, directory: Path) -> list[Path]:
        """Write the newest grid; see `save_grid`."""
        return save_grid(self.newest, directory) if self.newest is not None else []

    def describe(self) -> Iterator[str]:
        """Say what the branch does and with what."""
        metadata, history = self.completer.metadata, self.completer.history
        yield (
            f"model {metadata.model_id} on {self.settings.device} by {self.completer.backend}, label set "
            f"{metadata.label_set.name}"
        )
        yield f"it reads {' and '.join(metadata.inputs)}; {self.lidar.value}"
        if self._reads_maps:
            semantics = self.settings.semantics
            yield f"class maps of the left image come on {semantics.topic}, with ids of {semantics.label_map}"
        if len(self._completers) > 1:
            yield f"{len(self._completers)} frames are completed at once"
        if history.count:
            yield f"it reads {history.count} past frames {history.interval} s apart, where somebody tells the ego pose"
        odometry = self.settings.odometry
        if odometry.enabled and odometry.source == "tf":
            yield f"ego pose from TF: '{self.scene.frame_id}' in '{odometry.fixed_frame}'"

    def statuses(self, lost: Sequence[Drop]) -> Iterator[DiagnosticStatus]:
        """Return rate and latency of the grids, and what was dropped."""
        complaint = diagnostics.old_stamps(self) or self.alone or diagnostics.over_budget(self)
        values = {
            "past frames used": f"{self.completer.past_frames} of {self.completer.history.count}",
            **diagnostics.quantiles("processing arrival to publication", self.processing),
        }
        yield diagnostics.results_status("frames", self, complaint, values)
        yield diagnostics.drops_status(self, lost)
        yield diagnostics.stereo_status(self._watch)

    def explain_silence(self, drops: Mapping[Drop, int]) -> str:
        """Say why there is no grid, of what was dropped since the last look."""
        slop = round(SECOND * self.settings.sync.slop)
        return explain_no_grid(self._input.required(), slop, drops, self.drops.explanations())

    def _may_read_maps(self) -> bool:
        """Whether class maps are to be read; warn where the network has no use for them."""
        topic = self.settings.semantics.topic
        if topic and not self.completer.reads_class_maps:
            self.host.warn(
                f"semantics.topic is {topic}, but {self.completer.metadata.model_id} does not ask which class the "
                "pixels of measured points have, so class maps are not used; choose a checkpoint of the preset "
                "edge_labelled"
            )
        return bool(topic) and self.completer.reads_class_maps

    def _follow_poses(self) -> None:
        """Listen to ego poses, wherever they come from."""
        odometry, host = self.settings.odometry, self.host
        if self.completer.history.count and not odometry.enabled:
            host.warn("odometry.enabled is false, so the network, trained on several frames, will see one")
        if odometry.enabled and odometry.source == "topic":
            host.subscriptions.listen(Odometry, "odometry", self._assembler.take_odometry)
        if odometry.enabled and odometry.source == "tf":
            stop = host.source.follow(odometry.fixed_frame, self.scene.frame_id, self._assembler.poses.add)
            host.undo.callback(stop)

    def _process(self, completer: Completer, inputs: StereoSet) -> Finish | None:
        """Complete one set, and return what publishes its grid; None if there is nothing to publish."""
        if not (self.settings.always_run or self._outputs.wanted or (self._follower and self._follower.wanted)):
            self.skipped += 1
            if self._follower:
                self._follower.skipped += 1
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
            if self.host.node.context.ok():
                text = f"{type(error).__name__}: {error}; the node goes on with the next frame"
                self.drops.explain(UnusableInput(Drop.INFERENCE, text))

    def _complete(self, completer: Completer, inputs: StereoSet) -> Finish:
        begin = time.monotonic_ns()
        with self._assembling:
            frame = self._assembler(inputs)
        assembled = time.monotonic_ns()
        if self._outdated:
            self._outdated = False
            completer.forget()
        want_confidence = self._outputs.want_confidence or self._follower is not None
        grid = replace(completer.complete(frame, confidence=want_confidence), grid=self.scene)
        completed = time.monotonic_ns()
        stages = {
            "waiting": 1e-6 * (begin - inputs.arrival),
            "conversion": 1e-6 * (assembled - begin),
            **completer.timings,
        }

        def publish() -> None:
            with self._one_frame_at_most():
                self._outputs.publish(grid)
                if self._follower:
                    self._follower.take(grid, frame.T_world_grid)
                end = time.monotonic_ns()
                self.newest = grid
                self.published.tick()
                self._check_pose(frame)
                stages["publication"] = 1e-6 * (end - completed)
                self._report(frame, grid, stages, 1e-9 * (end - inputs.arrival))
                if self._watch.due(self.settings.diagnostics.mount_check_period):
                    self._show_watch(frame)

        return publish

    def _check_pose(self, frame: Frame) -> None:
        """Say so where the network had to do without past frames because there is no pose."""
        self.alone = ""
        if not self.completer.history.count or frame.T_world_grid is not None:
            return
        self.alone = explain_no_pose(self.settings.odometry, self.scene.frame_id)
        if self.settings.odometry.enabled:
            self.drops.explain(UnusableInput(Drop.POSE_MISSING, self.alone))

    def _report(self, frame: Frame, grid: SemanticGrid, stages: dict[str, float], processing: float) -> None:
        latency = (self.host.now() - grid.stamp) / 1e9
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
        self._outputs.report(status, timings)
