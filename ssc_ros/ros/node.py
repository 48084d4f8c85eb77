"""The lifecycle node `ssc_node`: transitions, services and log; `wiring` puts it together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.transforms import LiveTransformSource
from ssc_ros.core import SscError
from ssc_ros.data.grid_files import save_grid
from ssc_ros.ros.completion import Pipeline
from ssc_ros.ros.loading import load_completer, load_segmenter
from ssc_ros.ros.parameter_server import ParameterServer
from ssc_ros.ros.ports import Completer, Segmenter
from ssc_ros.ros.segmentation import Segmentation
from ssc_ros.ros.tf import transform_source
from ssc_ros.ros.wiring import Parts, wire
from ssc_ros_msgs.srv import SaveGrid

LoadCompleter = Callable[[Settings], Completer]
LoadSegmenter = Callable[[Settings], Segmenter]


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
        self._transform_source: LiveTransformSource = transform_source(self)
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
            completers = self._completers(settings, segmenter)
            with ThreadPoolExecutor(len(completers)) as threads:  # at once, as they will work
                list(threads.map(lambda completer: completer.warm_up(), completers))
            self._parts = wire(self, completers, segmenter, settings, self._transform_source, self._warn)
            for kind, name, serve in ((SaveGrid, "~/save_grid", self._save_grid), (Trigger, "~/reset", self._reset)):
                self._parts.undo.callback(self.destroy_service, self.create_service(kind, name, serve))
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
        parts.restart()
        waiting = "stereo pairs" if parts.pipeline.settings.camera.enabled else "point clouds"
        self.get_logger().info(f"active: waiting for {waiting}")
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; nothing is published after this."""
        self._configured.pause()
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

    def _completers(self, settings: Settings, segmenter: Segmenter | None) -> list[Completer]:
        """The completion network, once for each frame in work, or what stands in for it without a camera."""
        if settings.camera.enabled:
            first = self._load_completer(settings)
            if first.history.count and settings.parallel_frames > 1:
                raise SscError(
                    f"parallel_frames is {settings.parallel_frames}, but {first.metadata.model_id} reads past frames, "
                    "so each has to be completed before the next; set it to 1"
                )
            return [first, *(self._load_completer(settings) for _ in range(settings.parallel_frames - 1))]
        if segmenter is None:
            raise SscError(
                "camera.enabled is false and lidar.segmentation_checkpoint is empty, so there is nothing to do; set one"
            )
        from ssc_ros.ros.no_camera import NoCompleter  # with torch, which the segmenter has brought by now

        return [NoCompleter(segmenter.metadata)]

    def _apply(self, settings: Settings) -> None:
        if self._parts is not None:
            self._parts.apply(settings)

    def _dismantle(self) -> None:
        parts, self._parts = self._parts, None
        if parts is None:
            return
        parts.pause()
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
            self._parts.forget()

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
            backend = parts.pipeline.completer.backend
            info(f"model {metadata.model_id} on {settings.device} by {backend}, label set {metadata.label_set.name}")
            info(f"it reads {' and '.join(metadata.inputs)}; {parts.lidar.value}")
            if len(parts.pipeline.completers) > 1:
                info(f"{len(parts.pipeline.completers)} frames are completed at once")
        else:
            info("camera.enabled is false: no scenes are completed")
        if parts.segmentation:
            info(f"points get classes from {parts.segmentation.label.segmenter.metadata.model_id}")
        history = parts.pipeline.completer.history
        if history.count:
            info(f"it reads {history.count} past frames {history.interval} s apart, where somebody tells the ego pose")
            if not settings.odometry.enabled:
                self._warn("odometry.enabled is false, so the network, trained on several frames, will see one")
        info(f"grid {scene.shape} voxels of {scene.voxel_size} m from {scene.min_corner} in frame '{scene.frame_id}'")
        info(f"extrinsics from {self._transform_source.name}")
        if settings.odometry.enabled and settings.odometry.source == "tf":
            info(f"ego pose from TF: '{scene.frame_id}' in '{settings.odometry.fixed_frame}'")
        for item in parts.inputs.all:
            info(f"input  {item.topic} ({item.type_name})")
        for topic in (*parts.outputs.topics, *([parts.segmentation.topic] if parts.segmentation else [])):
            info(f"output {topic}")
