"""The lifecycle node `ssc_node`: wires inputs, inference thread, outputs, services and monitor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import PointCloud2
from std_srvs.srv import Trigger

from ssc_ros.core import SscError
from ssc_ros.ros.drops import Drop, DropCounter
from ssc_ros.ros.frames import FrameAssembler, lidar_mount
from ssc_ros.ros.inputs import Inputs
from ssc_ros.ros.lidar_use import LidarUse, lidar_use
from ssc_ros.ros.loading import load_completer, load_segmenter
from ssc_ros.ros.monitor import Monitor
from ssc_ros.ros.no_camera import NoCompleter
from ssc_ros.ros.parameter_server import ParameterServer
from ssc_ros.ros.parameters import Settings
from ssc_ros.ros.pipeline import OWN_STAGES, Completer, Pipeline
from ssc_ros.ros.publishers import Outputs, offer
from ssc_ros.ros.qos import LATEST, QosWatch
from ssc_ros.ros.segmentation import TOPIC, Segmentation, Segmenter, SweepLabeller
from ssc_ros.ros.services import save_grid
from ssc_ros.ros.transforms import Transforms, TransformSource, transform_source
from ssc_ros.ros.worker import LatestWorker
from ssc_ros_msgs.srv import SaveGrid

LoadCompleter = Callable[[Settings], Completer]
LoadSegmenter = Callable[[Settings], Segmenter]


@dataclass
class Parts:
    """What exists while the node is configured; `undo` withdraws it from ROS, `workers` are the threads."""

    pipeline: Pipeline
    outputs: Outputs
    inputs: Inputs
    workers: Sequence[LatestWorker[Any]]
    monitor: Monitor
    lidar: LidarUse
    segmentation: Segmentation | None
    undo: ExitStack


class SscNode(LifecycleNode):
    """Completes scenes from synchronised stereo pairs, and from LiDAR sweeps where the checkpoint reads them.

    With a segmentation checkpoint it gives classes to the points of each sweep, too.
    """

    def __init__(
        self,
        load: LoadCompleter = load_completer,
        overrides: Sequence[Parameter] = (),
        load_segmenter: LoadSegmenter = load_segmenter,
        **options: Any,
    ) -> None:
        """Declare the parameters; nothing is loaded before configure.

        Args:
            load: opens the checkpoint that the settings name.
            overrides: parameter values that win over files and the command line.
            load_segmenter: opens the segmentation checkpoint, if the settings name one.
            options: of rclpy's Node, such as `context`.

        Raises:
            SscError: a parameter value that is not allowed.
        """
        super().__init__("ssc_node", parameter_overrides=list(overrides), **options)
        self._load_completer, self._load_segmenter = load, load_segmenter
        self._parts: Parts | None = None
        self._transform_source: TransformSource = transform_source(self)
        self._server = ParameterServer(self, self._apply)
        for sentence in self._server.unknown():
            self._warn(sentence)
        backwards = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True)
        self._jumps = self.get_clock().create_jump_callback(backwards, post_callback=self._on_time_jump)

    @property
    def autostart(self) -> bool:
        """Whether the process shall configure and activate the node by itself."""
        return bool(self.get_parameter("autostart").value)

    def start(self) -> bool:
        """Configure and activate; False if that failed, and the reason was logged."""
        success = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == success and self.trigger_activate() == success

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model, warm it up, and connect."""
        try:
            settings = self._server.configure()
            segmenter = self._load_segmenter(settings) if settings.lidar.segmentation_checkpoint else None
            if segmenter:
                segmenter.warm_up()
            completer = self._completer(settings, segmenter)
            completer.warm_up()
            self._parts = self._wire(completer, segmenter, settings)
        except Exception as error:  # rclpy would swallow it without a word
            kind = "" if isinstance(error, SscError) else f"{type(error).__name__}: "
            self.get_logger().error(kind + " ".join(str(error).split()))
            return TransitionCallbackReturn.FAILURE
        self._log_start(settings, self._parts)
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to listen."""
        parts = self._configured
        parts.outputs.announce(parts.pipeline.completer.metadata.label_set)
        parts.pipeline.restart()
        if parts.segmentation:
            parts.segmentation.restart()
        parts.monitor.restart()
        parts.inputs.active = True
        waiting = "stereo pairs" if parts.pipeline.settings.camera.enabled else "point clouds"
        self.get_logger().info(f"active: waiting for {waiting}")
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; nothing is published after this."""
        self._pause(self._configured)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model and all connections."""
        self._dismantle()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything and say what was done."""
        self._dismantle()
        return super().on_shutdown(state)

    def destroy_node(self) -> None:
        """Leave in order, whatever the state."""
        self._dismantle()
        self._jumps.unregister()
        super().destroy_node()

    @property
    def _configured(self) -> Parts:
        assert self._parts is not None, "rclpy calls transitions in order"
        return self._parts

    def _warn(self, text: str) -> None:
        self.get_logger().warning(text)

    def _completer(self, settings: Settings, segmenter: Segmenter | None) -> Completer:
        """The completion network, or what stands in for it without a camera."""
        if settings.camera.enabled:
            return self._load_completer(settings)
        if segmenter is None:
            raise SscError(
                "camera.enabled is false and lidar.segmentation_checkpoint is empty, so there is nothing to do; set one"
            )
        return NoCompleter(segmenter.metadata)

    def _wire(self, completer: Completer, segmenter: Segmenter | None, settings: Settings) -> Parts:
        _check_classes(settings, completer)
        lidar = LidarUse.UNUSED
        if settings.camera.enabled:
            lidar = lidar_use(completer.metadata.inputs, settings.lidar.enabled)
        reads_classes = completer.reads_classes and lidar is not LidarUse.UNUSED
        if reads_classes:
            _check_segmenter(segmenter, completer)
        drops, qos_watch = DropCounter(self._warn), QosWatch(self, self._warn)
        transforms = Transforms(settings.grid.frame_id or completer.metadata.grid.frame_id, self._transform_source)
        remembers = completer.history.count > 0
        place = partial(transforms.of, lidar_mount(settings))
        label = None if segmenter is None else SweepLabeller(segmenter, place)
        assembler = FrameAssembler(
            settings,
            transforms,
            drops.explain,
            lidar is LidarUse.REQUIRED,
            remembers,
            label if reads_classes else None,
        )
        stages = [f"processing_time/{name}" for name in (*completer.timings, *OWN_STAGES)]
        clock = self.get_clock()
        with ExitStack() as undo:
            outputs = Outputs(self, settings, qos_watch, (*stages, "pipeline_latency"))
            undo.callback(outputs.destroy)
            pipeline = Pipeline(
                completer, assembler, outputs, drops, settings, lambda: clock.now().nanoseconds, self.context.ok
            )
            worker = LatestWorker(pipeline, lambda: drops.add(Drop.BUSY))
            undo.callback(worker.close)
            workers: list[LatestWorker[Any]] = [worker]
            segmentation = None
            if label is not None:
                segmentation = self._segmentation(label, settings, qos_watch, undo)
                sweep_drops = segmentation.drops
                workers.append(LatestWorker(segmentation, lambda: sweep_drops.add(Drop.BUSY), "segmentation"))
                undo.callback(workers[1].close)
            take_sweep = workers[1].offer if segmentation else None
            inputs = Inputs(self, settings, lidar, qos_watch, drops, worker.offer, assembler.take_odometry, take_sweep)
            undo.callback(inputs.destroy)
            monitor = Monitor(self, settings, inputs, pipeline, qos_watch, self._warn, segmentation)
            undo.callback(monitor.destroy)
            for kind, name, serve in ((SaveGrid, "~/save_grid", self._save_grid), (Trigger, "~/reset", self._reset)):
                undo.callback(self.destroy_service, self.create_service(kind, name, serve))
            return Parts(pipeline, outputs, inputs, workers, monitor, lidar, segmentation, undo.pop_all())

    def _segmentation(
        self, label: SweepLabeller, settings: Settings, qos_watch: QosWatch, undo: ExitStack
    ) -> Segmentation:
        publisher = offer(self, qos_watch, PointCloud2, TOPIC, LATEST)
        undo.callback(self.destroy_publisher, publisher)
        clock = self.get_clock()
        return Segmentation(label, publisher, DropCounter(self._warn), settings, lambda: clock.now().nanoseconds)

    def _apply(self, settings: Settings) -> None:
        if self._parts is not None:
            parts = self._parts
            parts.inputs.apply(settings)
            for part in (parts.pipeline, parts.pipeline.assembler, parts.outputs, parts.monitor):
                part.settings = settings
            if parts.segmentation:
                parts.segmentation.settings = settings

    def _pause(self, parts: Parts) -> None:
        parts.inputs.active = False
        parts.inputs.reset(Drop.PAUSED)
        for worker in parts.workers:
            worker.discard()

    def _dismantle(self) -> None:
        parts, self._parts = self._parts, None
        if parts is None:
            return
        self._pause(parts)
        parts.undo.close()
        if parts.pipeline.settings.camera.enabled:
            self._log_end("grids", parts.pipeline)
        if parts.segmentation:
            self._log_end("labelled sweeps", parts.segmentation)

    def _log_end(self, what: str, part: Pipeline | Segmentation) -> None:
        drops = ", ".join(f"{reason.value} {count}" for reason, count in part.drops.counts().items())
        self.get_logger().info(f"published {part.published.total} {what}; dropped: {drops or 'nothing'}")

    def _on_time_jump(self, jump: TimeJump) -> None:
        self._warn(f"the clock jumped by {jump.delta.nanoseconds / 1e9:.3f} s; starting afresh")
        self._forget()

    def _forget(self) -> None:
        if self._parts is not None:
            self._parts.inputs.reset()
            self._parts.pipeline.forget()
            if self._parts.segmentation:
                self._parts.segmentation.forget()

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._forget()
        response.success = True
        response.message = "forgot pending messages, past frames, poses, calibration and the newest grid"
        return response

    def _save_grid(self, request: SaveGrid.Request, response: SaveGrid.Response) -> SaveGrid.Response:
        parts = self._configured
        if parts.pipeline.newest is None:
            response.message = "there is no grid yet; is somebody subscribed to ~/grid, or always_run set?"
            return response
        directory = Path(request.directory or parts.pipeline.settings.save.directory)
        try:
            response.files = [str(path) for path in save_grid(parts.pipeline.newest, directory)]
        except OSError as error:
            response.message = f"cannot write to {directory}: {error.strerror}; name another directory"
            return response
        response.success, response.message = True, f"wrote {len(response.files)} files to {directory}"
        return response

    def _log_start(self, settings: Settings, parts: Parts) -> None:
        metadata, scene = parts.pipeline.completer.metadata, parts.pipeline.scene
        info = self.get_logger().info
        if settings.camera.enabled:
            info(f"model {metadata.model_id} on {settings.device}, label set {metadata.label_set.name}")
            info(f"it reads {' and '.join(metadata.inputs)}; {parts.lidar.value}")
        else:
            info("camera.enabled is false: no scenes are completed")
        if parts.segmentation:
            info(f"points get classes from {parts.segmentation.label.segmenter.metadata.model_id}")
        history = parts.pipeline.completer.history
        if history.count:
            info(f"it reads {history.count} past frames {history.interval} s apart, where odometry tells the ego pose")
            if not settings.odometry.enabled:
                self._warn("odometry.enabled is false, so the network, trained on several frames, will see one")
        info(f"grid {scene.shape} voxels of {scene.voxel_size} m from {scene.min_corner} in frame '{scene.frame_id}'")
        info(f"extrinsics from {self._transform_source.name}")
        for item in parts.inputs.all:
            info(f"input  {item.topic} ({item.type_name})")
        for topic in (*parts.outputs.topics, *([parts.segmentation.topic] if parts.segmentation else [])):
            info(f"output {topic}")


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
