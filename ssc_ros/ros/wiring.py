"""What a configured node consists of, and how it is put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import PointCloud2

from ssc_ros.assembly.drop_counter import DropCounter
from ssc_ros.assembly.frames import FrameAssembler, lidar_mount
from ssc_ros.assembly.lidar_use import LidarUse, lidar_use
from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.transforms import LiveTransformSource, Transforms
from ssc_ros.assembly.worker import LatestWorker
from ssc_ros.core import SscError
from ssc_ros.messages.drops import Drop
from ssc_ros.ros.completion import OWN_STAGES, TOTAL, Pipeline
from ssc_ros.ros.health.monitor import Monitor
from ssc_ros.ros.inputs import Inputs
from ssc_ros.ros.outputs.publishers import Outputs, offer
from ssc_ros.ros.ports import Completer, Segmenter
from ssc_ros.ros.qos import LATEST, QosWatch
from ssc_ros.ros.segmentation import TOPIC, Segmentation, SweepLabeller


@dataclass(frozen=True)
class Parts:
    """What exists while the node is configured.

    Attributes:
        pipeline, outputs: the completion.
        segmentation: of point clouds; None without a segmentation checkpoint.
        inputs, monitor: of both.
        workers: their threads.
        lidar: what the completion does with point clouds.
        undo: withdraws everything from ROS.
    """

    pipeline: Pipeline
    outputs: Outputs
    segmentation: Segmentation | None
    inputs: Inputs
    monitor: Monitor
    workers: Sequence[LatestWorker[Any]]
    lidar: LidarUse
    undo: ExitStack

    def restart(self) -> None:
        """Begin to listen, and count from zero."""
        self.pipeline.restart()
        if self.segmentation:
            self.segmentation.restart()
        self.monitor.restart()
        self.inputs.active = True

    def pause(self) -> None:
        """Stop listening; nothing is published after this."""
        self.inputs.active = False
        self.inputs.reset(Drop.PAUSED)
        for worker in self.workers:
            worker.discard()

    def forget(self) -> None:
        """Forget what was sensed, because time or place jumped."""
        self.inputs.reset()
        self.pipeline.forget()
        if self.segmentation:
            self.segmentation.forget()

    def apply(self, settings: Settings) -> None:
        """Use new settings, as far as they apply at once."""
        self.inputs.apply(settings)
        for part in (self.pipeline, self.pipeline.assembler, self.outputs, self.monitor):
            part.settings = settings
        if self.segmentation:
            self.segmentation.settings = settings


def wire(
    node: LifecycleNode,
    completers: Sequence[Completer],
    segmenter: Segmenter | None,
    settings: Settings,
    source: LiveTransformSource,
    warn: Callable[[str], None],
) -> Parts:
    """Put a node together.

    Args:
        node: gets publishers, subscriptions and timers.
        completers: of the completion network, one for each frame that is completed at the same time.
        segmenter: gives classes to points, if anybody does.
        settings: of the node.
        source: of transforms that the settings do not give.
        warn: logs a sentence.

    Raises:
        SscError: settings and networks that do not fit each other.
    """
    completer = completers[0]
    _check_classes(settings, completer)
    lidar = LidarUse.UNUSED
    if settings.camera.enabled:
        lidar = lidar_use(completer.metadata.inputs, settings.lidar.enabled)
    reads_classes = completer.reads_classes and lidar is not LidarUse.UNUSED
    if reads_classes:
        _check_segmenter(segmenter, completer)
    drops, qos_watch = DropCounter(warn), QosWatch(node, warn)
    grid_frame = settings.grid.frame_id or completer.metadata.grid.frame_id
    transforms = Transforms(grid_frame, source)
    label = None
    if segmenter is not None:
        label = SweepLabeller(segmenter, partial(transforms.of, lidar_mount(settings)))
    assembler = FrameAssembler(
        settings,
        transforms,
        drops.explain,
        points_required=lidar is LidarUse.REQUIRED,
        wait_for_pose=completer.history.count > 0,
        label=label if reads_classes else None,
    )
    stages = [f"processing_time/{name}" for name in (*completer.timings, *OWN_STAGES, TOTAL)]
    clock = node.get_clock()

    def now() -> int:
        return int(clock.now().nanoseconds)

    with ExitStack() as undo:
        outputs = Outputs(node, settings, qos_watch, (*stages, "pipeline_latency"))
        undo.callback(outputs.destroy)
        outputs.rehearse(completer.metadata.grid, completer.metadata.label_set)
        pipeline = Pipeline(completers, assembler, outputs, drops, settings, now, node.context.ok)
        worker = LatestWorker(pipeline.lanes, lambda: drops.add(Drop.BUSY), settings.waiting_frames)
        undo.callback(worker.close)
        workers: list[LatestWorker[Any]] = [worker]
        segmentation, take_sweep = None, None
        if label is not None:
            publisher = offer(node, qos_watch, PointCloud2, TOPIC, LATEST)
            undo.callback(node.destroy_publisher, publisher)
            sweep_drops = DropCounter(warn)
            segmentation = Segmentation(label, publisher, sweep_drops, settings, now)
            segmenting = LatestWorker([segmentation], lambda: sweep_drops.add(Drop.BUSY), name="segmentation")
            undo.callback(segmenting.close)
            workers.append(segmenting)
            take_sweep = segmenting.offer
        inputs = Inputs(node, settings, lidar, qos_watch, drops, worker.offer, assembler.take_odometry, take_sweep)
        undo.callback(inputs.destroy)
        odometry = settings.odometry
        if odometry.enabled and odometry.source == "tf" and settings.camera.enabled:
            undo.callback(source.follow(odometry.fixed_frame, grid_frame, assembler.poses.add))
        monitor = Monitor(node, settings, inputs, pipeline, qos_watch, warn, segmentation)
        undo.callback(monitor.destroy)
        return Parts(pipeline, outputs, segmentation, inputs, monitor, workers, lidar, undo.pop_all())


def _check_classes(settings: Settings, completer: Completer) -> None:
    names = completer.metadata.label_set.names
    unknown = [name for name in settings.bev.free_classes if name not in names]
    if unknown:
        raise SscError(f"parameter bev.free_classes names {unknown}; the checkpoint's classes are {', '.join(names)}")


def _check_segmenter(segmenter: Segmenter | None, completer: Completer) -> None:
    """Make sure that somebody gives the points the classes that the completion network reads."""
    if segmenter is None:
        raise SscError(
            "the checkpoint reads the classes of LiDAR points; set lidar.segmentation_checkpoint, or lidar.enabled to "
            "false for stereo alone"
        )
    known, read = segmenter.metadata.label_set.name, completer.metadata.label_set.name
    if known != read:
        raise SscError(f"the segmentation checkpoint gives classes of '{known}', but the checkpoint reads '{read}'")
