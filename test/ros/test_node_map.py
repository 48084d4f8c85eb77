"""The map of a node over DDS: it remembers, it is paused without poses, and a jump clears it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import OccupancyGrid, Odometry
from std_srvs.srv import Trigger

from ssc_ros.messages.codec import decode
from ssc_ros_msgs.msg import SemanticVoxelGrid
from ssc_ros_msgs.srv import SaveGrid

from .rig import SECOND
from .world import World

STEP = SECOND // 10


class Drive:
    """A robot that drives 1 m/s before a node with a map."""

    def __init__(self, world: World, **parameters: Any) -> None:
        self.world = world
        self.fused = world.listen(SemanticVoxelGrid, "ssc_node/fused_grid")
        self.grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
        self.diagnostics = world.listen(DiagnosticArray, "/diagnostics")
        parameters.setdefault("odometry__max_gap", 1.0)
        self.node = world.start(
            map__enabled=True, map__radius=12.8, map__height=6.4, map__period=0.0, diagnostics__latency_budget=60.0,
            **parameters,
        )  # fmt: skip
        world.connect_rig()
        world.rig.advertise("odometry", Odometry)
        world.connect("odometry")
        world.await_listener("/ssc_node/fused_grid")
        self.start = self.stamp = world.client.get_clock().now().nanoseconds - 20 * SECOND
        self.ahead = 0.0

    def go(self, frames: int, pose: bool = True) -> None:
        for _ in range(frames):
            self.stamp += STEP
            if pose:
                x = self.ahead + (self.stamp - self.start) / SECOND
                message = Odometry(child_frame_id="velodyne", header=self.world.rig.header(self.stamp, "odom"))
                message.pose.pose.position.x, message.pose.pose.orientation.w = x, 1.0
                self.world.rig.publish("odometry", message)
            expected = self.fused if pose else self.grids
            count = len(expected)
            self.world.rig.images(self.stamp)
            self.world.spin_until(lambda: len(expected) > count, what="for a grid")  # noqa: B023

    @property
    def told(self) -> tuple[bytes, str, dict[str, str]]:
        """Level, message and values of the newest status of the map."""
        newest = {s.name.removeprefix("ssc_node: "): s for s in self.diagnostics[-1].status} if self.diagnostics else {}
        if "map" not in newest:
            return b"", "", {}
        return newest["map"].level, newest["map"].message, {kv.key: kv.value for kv in newest["map"].values}

    @property
    def known(self) -> str:
        """How many grids the map is made of."""
        return self.told[2].get("grids in the map", "")


def test_the_map_is_published_as_grids_and_as_a_flat_map(world: World) -> None:
    whole = world.listen(SemanticVoxelGrid, "ssc_node/map", world.latched)
    flat = world.listen(OccupancyGrid, "ssc_node/map_bev", world.latched)
    drive = Drive(world)
    drive.go(4)
    fused = decode(drive.fused[-1])
    assert fused.grid == world.grid
    assert fused.stamp == drive.stamp
    assert (fused.labels[:, :, 0] == world.road).mean() > 0.9  # what the network says of each grid
    world.spin_until(lambda: whole and flat)
    known = decode(whole[-1])
    assert known.grid.frame_id == "odom"
    assert known.grid.shape == (64, 64, 16)
    assert set(np.unique(known.labels)) == {0, world.road}
    assert flat[-1].header.frame_id == "odom"
    assert (np.array(flat[-1].data) == 0).sum() >= 16 * 16  # free where the road is


def test_a_source_of_poses_that_dies_pauses_the_map_and_one_that_jumps_clears_it(world: World) -> None:
    drive = Drive(world)
    drive.go(5)
    world.spin_until(lambda: drive.known == "5")
    assert drive.told[0] == b"\x00"
    fused = len(drive.fused)

    # no poses: the grids go on, the map does not
    drive.go(3, pose=False)
    world.spin_until(lambda: "the map is paused" in drive.told[1])
    assert drive.told[0] == b"\x01"
    assert len(drive.fused) == fused
    assert drive.known == "5"

    # poses again: it goes on where it was
    drive.go(2)
    world.spin_until(lambda: drive.known == "7" and drive.told[0] == b"\x00")

    # a loop closure of five metres: it starts afresh, once
    drive.go(2)
    drive.ahead += 5.0
    drive.go(3)
    world.spin_until(lambda: drive.known == "3")
    assert drive.told[2]["dropped as pose_jump"] == "1"


def test_a_reset_and_a_replay_that_starts_over_clear_the_map(world: World) -> None:
    drive = Drive(world)
    drive.go(4)
    world.call(Trigger, "ssc_node/reset")
    world.rig.infos(drive.stamp)  # the calibration was forgotten, too
    drive.go(2)
    world.spin_until(lambda: drive.known == "2")
    drive.stamp -= 5 * SECOND
    drive.go(3)
    world.spin_until(lambda: drive.known == "3")


def test_the_map_is_saved_beside_the_grid(world: World, tmp_path: Path) -> None:
    drive = Drive(world)
    drive.go(3)
    reply = world.call(SaveGrid, "ssc_node/save_grid", SaveGrid.Request(directory=str(tmp_path)))
    assert reply.success
    assert len(reply.files) == 4
    with np.load(tmp_path / "map" / f"{drive.stamp:019d}.npz") as saved:
        assert saved["frame_id"] == "odom"
        assert (saved["labels"] == world.road).sum() >= 16 * 16


def test_without_a_listener_no_frame_is_completed_for_the_map(world: World) -> None:
    world.start(map__enabled=True, map__radius=12.8, map__height=6.4)
    world.connect_rig()
    stamp = world.client.get_clock().now().nanoseconds
    world.rig.images(stamp)
    node, *_ = world.nodes[-1]
    world.spin_until(lambda: all(branch.skipped == 1 for branch in node._parts.branches))
    assert world.completer.frames == []
