"""A node whose network reads past frames: it needs poses, does without them, and recovers, over DDS."""

from dataclasses import replace

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from std_srvs.srv import Trigger

from ssc_ros.systems.spec import History
from ssc_ros_msgs.msg import SemanticVoxelGrid

from ..inference import tiny_temporal  # noqa: TID252 (a package named test is Python's own)
from .rig import SECOND

STEP = SECOND // 10
HISTORY = History(count=2, interval=0.2, tolerance=0.05)


class Drive:
    """A robot that drives 1 m/s before a node with a network of three frames; `used` is what each frame found."""

    def __init__(self, world, **parameters):
        self.world, self.used = world, []
        network = tiny_temporal.network(spec=replace(tiny_temporal.SPEC, history=HISTORY))
        self.completer = tiny_temporal.completer(network)
        self.grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
        self.diagnostics = world.listen(DiagnosticArray, "/diagnostics")
        # poses and images arrive in any order, on a busy machine far apart: the node shall wait for the pose
        parameters.setdefault("odometry__max_gap", 1.0)
        world.start(lambda settings: self.completer, diagnostics__latency_budget=60.0, **parameters)
        world.connect_rig()
        world.rig.advertise("odometry", Odometry)
        if parameters.get("odometry__enabled", True):
            world.connect("odometry")
        self.start = self.stamp = world.client.get_clock().now().nanoseconds - 20 * SECOND

    def go(self, frames, pose=True):
        for _ in range(frames):
            self.stamp += STEP
            if pose:
                message = Odometry(child_frame_id="velodyne")
                message.header = self.world.rig.header(self.stamp, "odom")
                message.pose.pose.position.x, message.pose.pose.orientation.w = (self.stamp - self.start) / SECOND, 1.0
                self.world.rig.publish("odometry", message)
            count = len(self.grids)
            self.world.rig.images(self.stamp)
            self.world.spin_until(lambda: len(self.grids) > count, what="for a grid")  # noqa: B023
            self.used.append(self.completer.past_frames)

    def told(self):
        """Level, message and values of the newest status of the frames."""
        newest = {s.name.removeprefix("ssc_node: "): s for s in self.diagnostics[-1].status} if self.diagnostics else {}
        if "frames" not in newest:
            return b"", "", {}
        return newest["frames"].level, newest["frames"].message, {kv.key: kv.value for kv in newest["frames"].values}


def test_a_source_of_poses_that_dies_costs_the_past_and_brings_it_back(world):
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
    drive.go(3)
    assert drive.used[14:] == [0, 0, 1]


def test_without_odometry_the_network_sees_single_frames(world):
    drive = Drive(world, odometry__enabled=False)
    drive.go(3)
    assert drive.used == [0, 0, 0]
    assert world.drops == {}
    world.spin_until(lambda: "odometry.enabled" in drive.told()[1])
    assert drive.told()[0] == b"\x01"


def test_a_replay_that_starts_over_has_no_past(world):
    drive = Drive(world)
    drive.go(5)
    drive.stamp -= 10 * SECOND
    drive.go(3)
    assert drive.used == [0, 0, 1, 1, 2, 0, 0, 1]
