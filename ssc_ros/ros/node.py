"""The lifecycle node `ssc_node`: transitions, services and log; `wiring` puts it together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rclpy.clock import JumpHandle, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.transforms import LiveTransformSource
from ssc_ros.core import SscError
from ssc_ros.core.files import user_cache
from ssc_ros.core.resources import SHIPPED_CHECKPOINT
from ssc_ros.kernels.compiled import first_compilation
from ssc_ros.messages.topics import NODE
from ssc_ros.ros.loading import LoadCompleter, LoadSegmenter, load_completer, load_networks, load_segmenter
from ssc_ros.ros.parameter_server import ParameterServer
from ssc_ros.ros.tf import transform_source
from ssc_ros.ros.wiring import Parts, wire
from ssc_ros_msgs.srv import SaveGrid

QUIET = 5.0
"""Shortest time between two warnings about the clock [s]."""


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
        # whatever follows may fail, and Kilted's rclpy then destroys the node
        self._parts: Parts | None = None
        self._jumps: JumpHandle | None = None
        super().__init__(NODE, parameter_overrides=list(overrides), **options)
        self._load_completer, self._load_segmenter = load, load_segmenter
        self._transform_source: LiveTransformSource = transform_source(self)
        self._server = ParameterServer(self, self._apply, self._say_later)
        for sentence in self._server.unknown():
            self._warn(sentence)
        backwards = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True)
        self._jumps = self.get_clock().create_jump_callback(backwards, post_callback=self._on_time_jump)

    @property
    def autostart(self) -> bool:
        """Whether the process shall configure and activate the node by itself."""
        return bool(self.get_parameter("autostart").value)

    def configure(self) -> bool:
        """Configure; False if that failed, and the reason was logged."""
        return bool(self.trigger_configure() == TransitionCallbackReturn.SUCCESS)

    def start(self) -> bool:
        """Configure and activate; False if that failed, and the reason was logged."""
        return self.configure() and bool(self.trigger_activate() == TransitionCallbackReturn.SUCCESS)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model, warm it up, and connect."""
        try:
            settings = self._server.configure()
            self._log_loading(settings)
            with first_compilation(self._log_compilation):
                networks = load_networks(settings, self._load_completer, self._load_segmenter)
                self._parts = wire(self, networks, settings, self._transform_source, self._warn)
            for kind, name, serve in ((SaveGrid, "~/save_grid", self._save_grid), (Trigger, "~/reset", self._reset)):
                self._parts.undo.callback(self.destroy_service, self.create_service(kind, name, serve))
        except Exception as error:  # rclpy would swallow it without a word
            kind = "" if isinstance(error, SscError) else f"{type(error).__name__}: "
            self.get_logger().error(kind + " ".join(str(error).split()))
            return TransitionCallbackReturn.FAILURE
        self._log_start(self._parts)
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to listen."""
        self._configured.restart()
        awaited = " and ".join(branch.awaited for branch in self._configured.branches)
        self.get_logger().info(f"active: waiting for {awaited}")
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
        if self._jumps is not None:
            self._jumps.unregister()
        super().destroy_node()

    @property
    def _configured(self) -> Parts:
        assert self._parts is not None, "rclpy calls transitions in order"
        return self._parts

    def _warn(self, text: str) -> None:
        self.get_logger().warning(text)

    def _say_later(self, names: list[str]) -> None:
        if self._parts is not None:
            self._warn(f"{', '.join(names)}: takes effect when the node is configured again (cleanup, configure)")

    def _apply(self, settings: Settings) -> None:
        if self._parts is not None:
            self._parts.apply(settings)

    def _dismantle(self) -> None:
        parts, self._parts = self._parts, None
        if parts is None:
            return
        parts.pause()
        parts.undo.close()
        for branch in parts.branches:
            self.get_logger().info(branch.summary())

    def _on_time_jump(self, jump: TimeJump) -> None:
        others = self.count_publishers("/clock") - 1
        if others > 0:
            reason = f"/clock has {others + 1} publishers, such as a replay that was left behind: end all but one"
        else:
            reason = "starting afresh"
        text = f"the clock jumped by {jump.delta.nanoseconds / 1e9:.3f} s; {reason}"
        self.get_logger().warning(text, throttle_duration_sec=QUIET)
        if self._parts is not None:
            self._parts.forget()

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._parts is not None:
            self._parts.reset()
        response.success = True
        response.message = "forgot pending messages, past frames, poses, calibration, the newest grid and the map"
        return response

    def _save_grid(self, request: SaveGrid.Request, response: SaveGrid.Response) -> SaveGrid.Response:
        directory = Path(request.directory or self._configured.settings.save.directory)
        try:
            response.files = [str(path) for path in self._configured.save(directory)]
        except OSError as error:
            response.message = f"cannot write to {directory}: {error.strerror}; name another directory"
            return response
        response.success = bool(response.files)
        if response.success:
            response.message = f"wrote {len(response.files)} files to {directory}"
        else:
            response.message = "there is no grid yet; is somebody subscribed to ~/grid, or always_run set?"
        return response

    def _log_loading(self, settings: Settings) -> None:
        completion = (settings.checkpoint or str(SHIPPED_CHECKPOINT)) if settings.camera.enabled else ""
        files = [file for file in (completion, settings.lidar.segmentation_checkpoint) if file]
        self.get_logger().info(f"loading {' and '.join(files) or 'nothing'}")

    def _log_compilation(self) -> None:
        self.get_logger().info(
            "compiling loops and converting the network for this machine, which takes up to a minute, once: the next "
            f"start finds them in {user_cache()}; `ssc-ros node --warm-up` does so ahead of time"
        )

    def _log_start(self, parts: Parts) -> None:
        info, scene = self.get_logger().info, parts.branches[0].scene
        for branch in parts.branches:
            for sentence in branch.describe():
                info(sentence)
        info(f"grid {scene.shape} voxels of {scene.voxel_size} m from {scene.min_corner} in frame '{scene.frame_id}'")
        info(f"extrinsics from {self._transform_source.name}")
        for topic in parts.subscriptions.all:
            info(f"input  {topic.name} ({topic.type_name})")
        for name in parts.topics:
            info(f"output {name}")
