"""A robot that drives before a node whose network reads past frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry

from ssc_ros.systems.spec import History
from ssc_ros_msgs.msg import SemanticVoxelGrid

from ..inference import tiny_temporal
from .rig import SECOND
from .world import World

STEP = SECOND // 10
HISTORY = History(count=2, interval=0.2, tolerance=0.05)


class Drive:
    """A robot that drives 1 m/s before a node with a network of three frames; `used` is what each frame found."""

    def __init__(self, world: World, **parameters: Any) -> None:
        self.world, self.used = world, []
        network = tiny_temporal.network(spec=replace(tiny_temporal.SPEC, history=HISTORY))
        self.completer = tiny_temporal.completer(network)
        self.grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
        self.diagnostics = world.listen(DiagnosticArray, "/diagnostics")
        # poses and images arrive in any order, on a busy machine far apart: the node shall wait for the pose
        parameters.setdefault("odometry__max_gap", 1.0)
        world.start(lambda settings: self.completer, diagnostics__latency_budget=60.0, **parameters)
        world.connect_rig()
        self.connect(parameters.get("odometry__enabled", True))
        self.start = self.stamp = world.client.get_clock().now().nanoseconds - 20 * SECOND

    def connect(self, enabled: bool) -> None:
        self.world.rig.advertise("odometry", Odometry)
        if enabled:
            self.world.connect("odometry")

    def tell(self, x: float) -> None:
        """Publish the ego pose of now."""
        message = Odometry(child_frame_id="velodyne", header=self.world.rig.header(self.stamp, "odom"))
        message.pose.pose.position.x, message.pose.pose.orientation.w = x, 1.0
        self.world.rig.publish("odometry", message)

    def go(self, frames: int, pose: bool = True) -> None:
        for _ in range(frames):
            self.stamp += STEP
            if pose:
                self.tell((self.stamp - self.start) / SECOND)
            count = len(self.grids)
            self.world.rig.images(self.stamp)
            self.world.spin_until(lambda: len(self.grids) > count, what="for a grid")  # noqa: B023
            self.used.append(self.completer.past_frames)

    def told(self) -> tuple[bytes, str, dict[str, str]]:
        """Level, message and values of the newest status of the frames."""
        newest = {s.name.removeprefix("ssc_node: "): s for s in self.diagnostics[-1].status} if self.diagnostics else {}
        if "frames" not in newest:
            return b"", "", {}
        return newest["frames"].level, newest["frames"].message, {kv.key: kv.value for kv in newest["frames"].values}
