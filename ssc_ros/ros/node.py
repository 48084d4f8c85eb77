"""The lifecycle node `ssc_node`: wires inputs, inference thread, outputs, services and monitor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from ssc_ros.core import SscError
from ssc_ros.ros.drops import Drop, DropCounter
from ssc_ros.ros.frames import FrameAssembler, StereoSet
from ssc_ros.ros.inputs import Inputs
from ssc_ros.ros.lidar_use import LidarUse, lidar_use
from ssc_ros.ros.monitor import Monitor
from ssc_ros.ros.parameter_server import ParameterServer
from ssc_ros.ros.parameters import Settings
from ssc_ros.ros.pipeline import OWN_STAGES, Completer, Pipeline
from ssc_ros.ros.publishers import Outputs
from ssc_ros.ros.qos import QosWatch
from ssc_ros.ros.services import save_grid
from ssc_ros.ros.transforms import Transforms, TransformSource, transform_source
from ssc_ros.ros.worker import LatestWorker
from ssc_ros_msgs.srv import SaveGrid

LoadCompleter = Callable[[Settings], Completer]


@dataclass
class Parts:
    """What exists while the node is configured; `undo` withdraws it from ROS."""

    pipeline: Pipeline
    outputs: Outputs
    inputs: Inputs
    worker: LatestWorker[StereoSet]
    monitor: Monitor
    lidar: LidarUse
    undo: ExitStack


class SscNode(LifecycleNode):
    """Completes scenes from synchronised stereo pairs, and from LiDAR sweeps where the checkpoint reads them."""

    def __init__(self, load: LoadCompleter, overrides: Sequence[Parameter] = (), **options: Any) -> None:
        """Declare the parameters; nothing is loaded before configure.

        Args:
            load: opens the checkpoint that the settings name.
            overrides: parameter values that win over files and the command line.
            options: of rclpy's Node, such as `context`.

        Raises:
            SscError: a parameter value that is not allowed.
        """
        super().__init__("ssc_node", parameter_overrides=list(overrides), **options)
        self._load_completer = load
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
            completer = self._load_completer(settings)
            completer.warm_up()
            self._parts = self._wire(completer, settings)
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
        parts.monitor.restart()
        parts.inputs.active = True
        self.get_logger().info("active: waiting for stereo pairs")
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

    def _wire(self, completer: Completer, settings: Settings) -> Parts:
        _check_classes(settings, completer)
        lidar = lidar_use(completer.metadata.inputs, settings.lidar.enabled)
        drops, qos_watch = DropCounter(self._warn), QosWatch(self, self._warn)
        transforms = Transforms(settings.grid.frame_id or completer.metadata.grid.frame_id, self._transform_source)
        remembers = completer.history.count > 0
        assembler = FrameAssembler(settings, transforms, drops.explain, lidar is LidarUse.REQUIRED, remembers)
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
            inputs = Inputs(self, settings, lidar, qos_watch, drops, worker.offer, assembler.take_odometry)
            undo.callback(inputs.destroy)
            monitor = Monitor(self, settings, inputs, pipeline, qos_watch, self._warn)
            undo.callback(monitor.destroy)
            for kind, name, serve in ((SaveGrid, "~/save_grid", self._save_grid), (Trigger, "~/reset", self._reset)):
                undo.callback(self.destroy_service, self.create_service(kind, name, serve))
            return Parts(pipeline, outputs, inputs, worker, monitor, lidar, undo.pop_all())

    def _apply(self, settings: Settings) -> None:
        if self._parts is not None:
            parts = self._parts
            parts.inputs.apply(settings)
            for part in (parts.pipeline, parts.pipeline.assembler, parts.outputs, parts.monitor):
                part.settings = settings

    def _pause(self, parts: Parts) -> None:
        parts.inputs.active = False
        parts.inputs.reset(Drop.PAUSED)
        parts.worker.discard()

    def _dismantle(self) -> None:
        parts, self._parts = self._parts, None
        if parts is None:
            return
        self._pause(parts)
        parts.undo.close()
        drops = ", ".join(f"{reason.value} {count}" for reason, count in parts.pipeline.drops.counts().items())
        self.get_logger().info(f"published {parts.pipeline.published.total} grids; dropped: {drops or 'nothing'}")

    def _on_time_jump(self, jump: TimeJump) -> None:
        self._warn(f"the clock jumped by {jump.delta.nanoseconds / 1e9:.3f} s; starting afresh")
        self._forget()

    def _forget(self) -> None:
        if self._parts is not None:
            self._parts.inputs.reset()
            self._parts.pipeline.forget()

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
        info(f"model {metadata.model_id} on {settings.device}, label set {metadata.label_set.name}")
        info(f"it reads {' and '.join(metadata.inputs)}; {parts.lidar.value}")
        history = parts.pipeline.completer.history
        if history.count:
            info(f"it reads {history.count} past frames {history.interval} s apart, where odometry tells the ego pose")
            if not settings.odometry.enabled:
                self._warn("odometry.enabled is false, so the network, trained on several frames, will see one")
        info(f"grid {scene.shape} voxels of {scene.voxel_size} m from {scene.min_corner} in frame '{scene.frame_id}'")
        info(f"extrinsics from {self._transform_source.name}")
        for item in parts.inputs.all:
            info(f"input  {item.topic} ({item.type_name})")
        for topic in parts.outputs.topics:
            info(f"output {topic}")


def _check_classes(settings: Settings, completer: Completer) -> None:
    names = completer.metadata.label_set.names
    unknown = [name for name in settings.bev.free_classes if name not in names]
    if unknown:
        raise SscError(f"parameter bev.free_classes names {unknown}; the checkpoint's classes are {', '.join(names)}")
