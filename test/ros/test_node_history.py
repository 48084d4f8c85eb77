"""A node whose network reads past frames: it needs poses, does without them, and recovers, over DDS."""

from __future__ import annotations

from std_srvs.srv import Trigger

from .drive import Drive
from .rig import SECOND
from .world import World


def test_a_source_of_poses_that_dies_costs_the_past_and_brings_it_back(world: World) -> None:
    drive = Drive(world)
    drive.go(6)
    assert drive.used == [0, 0, 1, 1, 2, 2]
    assert world.drops == {}
    world.spin_until(lambda: drive.told()[2].get("past frames used") == "2 of 2")
    assert drive.told()[0] == b"\x00"
    drive.go(3, pose=False)
    assert drive.used[6:] == [0, 0, 0]
    world.spin_until(lambda: world.drops == {"pose_missing": 3})
    world.spin_until(lambda: "no ego pose" in drive.told()[1])
    assert drive.told()[0] == b"\x01"
    drive.go(5)
    assert drive.used[9:] == [0, 0, 1, 1, 2]
    world.spin_until(lambda: world.drops == {"pose_missing": 3})
    world.spin_until(lambda: drive.told()[0] == b"\x00")
    world.call(Trigger, "ssc_node/reset")
    world.rig.infos(drive.stamp)  # the calibration was forgotten, too
    drive.go(3)
    assert drive.used[14:] == [0, 0, 1]


def test_without_odometry_the_network_sees_single_frames(world: World) -> None:
    drive = Drive(world, odometry__enabled=False)
    drive.go(3)
    assert drive.used == [0, 0, 0]
    assert world.drops == {}
    world.spin_until(lambda: "odometry.enabled" in drive.told()[1])
    assert drive.told()[0] == b"\x01"


def test_a_replay_that_starts_over_has_no_past(world: World) -> None:
    drive = Drive(world)
    drive.go(5)
    drive.stamp -= 10 * SECOND
    drive.go(3)
    assert drive.used == [0, 0, 1, 1, 2, 0, 0, 1]
