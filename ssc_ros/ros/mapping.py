"""The branch that remembers: completed grids at their ego poses -> a rolling map -> outputs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Counts
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from nav_msgs.msg import OccupancyGrid
from numpy.typing import NDArray
from rclpy.publisher import Publisher

from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.watchdog import explain_no_pose
from ssc_ros.core import SceneGrid, SemanticGrid
from ssc_ros.data.grid_files import save_grid
from ssc_ros.mapping.evidence import Evidence
from ssc_ros.mapping.guarded_map import GuardedMap
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.ros.branch import Branch, Host
from ssc_ros.ros.health import diagnostics
from ssc_ros.ros.outputs.messages import occupancy_map
from ssc_ros.ros.outputs.publishers import grid_message, offer
from ssc_ros.ros.ports import Network
from ssc_ros.ros.qos import LATCHED, LATEST
from ssc_ros_msgs.msg import SemanticVoxelGrid

FUSED, MAP, BEV = "~/fused_grid", "~/map", "~/map_bev"

SUBFOLDER = "map"
"""Where in the folder of saved grids maps go."""


class Completed(NamedTuple):
    """A grid, and the pose (4, 4) of its frame in one that stands still, or None."""

    grid: SemanticGrid
    pose: NDArray[np.float64] | None


class Mapping(Branch):
    """Fuses completed grids, in a thread of its own, and publishes what the map knows.

    Attributes:
        paused: why the last grid was not fused; empty if it was.
    """

    result, results, awaited = "fused grid", "fused grids", "completed grids"

    def __init__(self, host: Host, settings: Settings, network: Network) -> None:
        """Connect the branch.

        Args:
            host: the node.
            settings: the current ones.
            network: completes the grids.
        """
        super().__init__(host, settings, network)
        self.paused = ""
        self._last: Completed | None = None
        self._shown = -np.inf  # when the whole map was published last [s]
        self._map, self._using = _new_map(settings, self.scene, network), Lock()
        self._fused, self._whole, self._bev = (
            offer(host.node, host.qos_watch, kind, topic, qos)
            for kind, topic, qos in (
                (SemanticVoxelGrid, FUSED, LATEST), (SemanticVoxelGrid, MAP, LATCHED), (OccupancyGrid, BEV, LATCHED)
            )
        )  # fmt: skip
        for publisher in self._publishers:
            host.undo.callback(host.node.destroy_publisher, publisher)
        self._rehearse()
        self._offer = self.work([self._process], 2, "mapping")
        if not settings.odometry.enabled:
            host.warn("odometry.enabled is false, so the map, which needs ego poses, stays empty")

    @property
    def topics(self) -> Sequence[str]:
        """Resolved names of the outputs."""
        return [str(publisher.topic_name) for publisher in self._publishers]

    @property
    def wanted(self) -> bool:
        """Whether anybody listens to the map."""
        return any(publisher.get_subscription_count() for publisher in self._publishers)

    @property
    def _publishers(self) -> Sequence[Publisher]:
        return self._fused, self._whole, self._bev

    def take(self, grid: SemanticGrid, T_world_grid: NDArray[np.float64] | None) -> None:
        """Accept a grid and its ego pose, if that is known; returns at once."""
        self._offer(Completed(grid, T_world_grid))

    def forget(self) -> None:
        """Clear the map, because time or place jumped."""
        with self._using:
            self._map.clear()
            self._last, self.paused = None, ""

    def describe(self) -> Iterator[str]:
        """Say what the branch does and with what."""
        radius, frame, memory = self.settings.map.radius, self.settings.odometry.fixed_frame, self._map.map.memory
        yield f"grids are fused into a map of {radius:g} m to all sides in frame '{frame}', {1e-6 * memory:.0f} MB"

    def statuses(self, lost: Sequence[Drop]) -> Iterator[DiagnosticStatus]:
        """Return rate and latency of the fused grids, and whether the map is paused."""
        jumped = "the pose jumps" if Drop.POSE_JUMP in lost else ""
        values = {
            "grids in the map": self._map.map.grids,
            **{f"dropped as {reason.value}": count for reason, count in self.drops.counts().items()},
        }
        yield diagnostics.results_status("map", self, self.paused or jumped, values)

    def explain_silence(self, drops: Counts[Drop, int]) -> str:
        """Say why nothing was fused, of what was dropped since the last look."""
        return self.paused or "no grid was completed"

    def save(self, directory: Path) -> list[Path]:
        """Write the whole map into the subfolder `map`; see `save_grid`."""
        with self._using:
            if self._last is None:
                return []
            whole = self._map.map.whole(self.settings.odometry.fixed_frame, self._last.grid.stamp)
        return save_grid(replace(whole, model_id=self._last.grid.model_id), directory / SUBFOLDER)

    def _rehearse(self) -> None:
        """Compile the loops, so that the first grid does not wait for that."""
        blank = SemanticGrid(np.zeros(self.scene.shape, np.uint8), self.scene, self.network.metadata.label_set)
        measured = np.zeros((*(n // 2 for n in self.scene.shape), 8), np.uint8)
        for grid in (blank, replace(blank, measured=measured)):
            self._map.fuse(grid, np.eye(4))
        for confidence in (True, False):
            self._map.map.cut(np.eye(4), 0, confidence=confidence)
        self._map.clear()

    def _process(self, completed: Completed) -> None:
        """Fuse one grid and publish; whatever goes wrong costs this grid only."""
        try:
            if completed.pose is None:
                self._pause()
            else:
                self._fuse(completed.grid, completed.pose)
        except Exception as error:
            if self.host.node.context.ok():
                text = f"{type(error).__name__}: {error}; the map goes on with the next grid"
                self.drops.explain(UnusableInput(Drop.INFERENCE, text))

    def _pause(self) -> None:
        """Say why the map does not go on."""
        self.paused = explain_no_pose(self.settings.odometry, self.scene.frame_id, "the map is paused")
        self.drops.explain(UnusableInput(Drop.POSE_MISSING, self.paused))

    def _fuse(self, grid: SemanticGrid, pose: NDArray[np.float64]) -> None:
        with self._using:
            if complaint := self._map.fuse(grid, pose):
                self.drops.explain(UnusableInput(Drop.POSE_JUMP, f"{complaint}; the map starts afresh"))
            self._last, self.paused = Completed(grid, pose), ""
            self._publish(grid, pose)
        self.latency.add((self.host.now() - grid.stamp) / 1e9)
        self.published.tick()

    def _publish(self, grid: SemanticGrid, pose: NDArray[np.float64]) -> None:
        """Show what the map knows to whoever listens."""
        if self._fused.get_subscription_count():
            fused = self._map.map.cut(pose, grid.stamp, confidence=self.settings.grid.confidence)
            self._fused.publish(grid_message(replace(fused, grid=self.scene, model_id=grid.model_id), self.settings))
        now = time.monotonic()
        whole_wanted, bev_wanted = (p.get_subscription_count() for p in (self._whole, self._bev))
        if not (whole_wanted or bev_wanted) or now - self._shown < self.settings.map.period:
            return
        self._shown = now
        whole = self._map.map.whole(self.settings.odometry.fixed_frame, grid.stamp)
        if whole_wanted:
            self._whole.publish(grid_message(replace(whole, model_id=grid.model_id), self.settings))
        if bev_wanted:
            bev, height = self.settings.bev, float(pose[2, 3])  # the band goes up and down with the robot
            cells = occupancy_map(whole, bev.free_classes, bev.min_height + height, bev.max_height + height)
            self._bev.publish(cells)


def _new_map(settings: Settings, scene: SceneGrid, network: Network) -> GuardedMap:
    """Return an empty map of these settings."""
    chosen = settings.map
    names = ("gain", "out_of_view", "threshold", "moving_life", "static_distance")
    evidence = Evidence(**{name: getattr(chosen, name) for name in names})
    return GuardedMap(
        scene,
        network.metadata.label_set,
        chosen.jump_distance,
        chosen.jump_angle,
        evidence=evidence,
        radius=chosen.radius,
        height=chosen.height,
        threads=settings.threads,
    )
