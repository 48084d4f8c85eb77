"""The node over DDS: what comes out for what goes in."""

import gc
import sys
import weakref
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import rclpy
import rclpy.lifecycle
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TransformStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import OccupancyGrid, Odometry
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, PointCloud2
from std_msgs.msg import Float64
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.ros.codec import decode
from ssc_ros.ros.drops import Drop
from ssc_ros_msgs.msg import LabelInfo, SemanticVoxelGrid, Status
from ssc_ros_msgs.srv import SaveGrid

LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
IMAGES = ("left/image_rect", "right/image_rect")
SECOND = 1_000_000_000
T0 = 1_000_000_000_123_456_789


def connect(world, t=T0, points=False, **infos):
    """The rig announces itself with calibration, and every publisher has found the node."""
    world.rig.infos(t, **infos)
    for topic in IMAGES:
        world.rig.advertise(topic)
    topics = [*IMAGES, "left/camera_info", "right/camera_info"]
    if points:
        world.rig.advertise("points")
        topics.append("points")
    world.connect(*topics)
    world.rig.infos(t, **infos)


def drops(node):
    return {reason.value: count for reason, count in node._parts.pipeline.drops.counts().items()}


def test_a_grid_arrives_with_the_stamp_of_the_left_image_and_the_frame_of_the_grid(world):
    grids, statuses = world.listen(SemanticVoxelGrid, "ssc_node/grid"), world.listen(Status, "ssc_node/status")
    world.start(lidar__enabled=False)
    connect(world)
    world.rig.images(T0)
    world.spin_until(lambda: grids and statuses)
    assert world.stamp_of(grids[0]) == T0
    assert grids[0].header.frame_id == "velodyne"
    expected = np.zeros(world.grid.shape, np.uint8)
    expected[:, :, 0] = world.road
    np.testing.assert_array_equal(decode(grids[0]).labels, expected)
    status = statuses[0]
    assert (status.frame, status.lidar_used, status.odometry_used, status.drops) == (1, False, False, 0)
    assert status.header == grids[0].header


def test_every_output_speaks_of_the_same_grid(world):
    """Obstacles where the LiDAR saw them, in the cloud, the map and the markers; classes on the latched table."""
    kinds = {"occupied": PointCloud2, "bev": OccupancyGrid, "markers": MarkerArray}
    outputs = {topic: world.listen(kind, f"ssc_node/{topic}") for topic, kind in kinds.items()}
    timings = world.listen(Float64, "debug/processing_time/network_ms")
    latencies = world.listen(Float64, "debug/pipeline_latency_ms")
    world.start(markers__enabled=True)
    connect(world, points=True)
    world.rig.points(T0, [(2.1, 0.1, -1.1)])
    world.rig.images(T0)
    world.spin_until(lambda: all(outputs.values()) and timings and latencies)
    labels = world.listen(LabelInfo, "ssc_node/label_info", LATCHED)  # later than the node: latched
    world.spin_until(lambda: labels)
    assert list(labels[0].names) == list(SEMANTIC_KITTI.names)
    assert all(messages[0].header.frame_id == "velodyne" for topic, messages in outputs.items() if topic != "markers")
    count = 16 * 16 + 1
    cloud, bev, markers = (messages[0] for messages in outputs.values())
    assert (cloud.width, cloud.height) == (count, 1)
    assert len(markers.markers[1].points) == count
    cells = np.array(bev.data).reshape(bev.info.height, bev.info.width)  # rows are y
    assert cells[8, 5] == 100
    assert (np.delete(cells.ravel(), 8 * 16 + 5) == 0).all()


def test_a_sweep_in_time_is_used_and_a_late_one_degrades_to_stereo_alone(world):
    grids, statuses = world.listen(SemanticVoxelGrid, "ssc_node/grid"), world.listen(Status, "ssc_node/status")
    node = world.start(lidar__grace_time=0.2)
    connect(world, points=True)
    world.rig.images(T0)
    world.rig.points(T0 + SECOND // 100)
    world.spin_until(lambda: statuses)
    world.rig.images(T0 + SECOND)  # its sweep never comes
    world.spin_until(lambda: len(statuses) == 2 and len(grids) == 2)
    assert [status.lidar_used for status in statuses] == [True, False]
    assert (decode(grids[0]).labels == world.building).sum() == 1
    assert (decode(grids[1]).labels == world.building).sum() == 0
    assert drops(node) == {"cloud_late": 1}
    assert statuses[1].drops == 0


def test_odometry_reaches_the_frame_in_the_grid_frame(world):
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    # the child frame sits 1 m in front of the grid frame
    world.start(lidar__enabled=False, odometry__extrinsics=[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    connect(world)
    world.rig.advertise("odometry", Odometry)
    world.connect("odometry")
    for seconds, x in ((0.0, 10.0), (0.1, 12.0)):
        pose = Odometry(child_frame_id="base_link")
        pose.header = world.rig.header(T0 + round(seconds * SECOND), "odom")
        pose.pose.pose.position.x, pose.pose.pose.orientation.w = x, 1.0
        world.rig.publish("odometry", pose)
    world.spin(0.3)
    world.rig.images(T0 + SECOND // 20)
    world.spin_until(lambda: grids)
    expected = np.eye(4)
    expected[0, 3] = 11.0 - 1.0
    np.testing.assert_allclose(world.completer.frames[-1].T_world_grid, expected, atol=1e-9)


WRONG = {
    "image_size": {"width": 32},
    "encoding": {"encoding": "bayer_rggb8"},
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_wrong_image_is_counted_and_the_next_good_one_completed(world, reason):
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    node = world.start(lidar__enabled=False)
    connect(world)
    world.rig.images(T0, **WRONG[reason])
    world.spin_until(lambda: drops(node) == {reason: 1})
    world.rig.images(T0 + SECOND)
    world.spin_until(lambda: grids)
    assert world.stamp_of(grids[0]) == T0 + SECOND
    assert drops(node) == {reason: 1}


@pytest.mark.parametrize(
    ("reason", "bad", "parameters"),
    [
        ("calibration", {"fx": 0.0}, {}),
        ("calibration", {"baseline": -0.5}, {}),
        ("frame_id", {"frame_id": "elsewhere"}, {"camera__frame_id": "camera"}),
        ("extrinsics", {"frame_id": "camera"}, {"camera__extrinsics": None}),
    ],
    ids=["zero P", "swapped cameras", "frame", "no extrinsics"],
)
def test_a_wrong_calibration_is_counted_and_explained(world, reason, bad, parameters):
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    node = world.start(lidar__enabled=False, **parameters)
    connect(world, **bad)
    world.rig.images(T0)
    world.spin_until(lambda: drops(node) == {reason: 1})
    assert not grids
    text = next(iter(node._parts.pipeline.drops.explanations().values()))
    if reason == "extrinsics":
        assert "camera.extrinsics" in text
        assert "'camera'" in text
        assert "'velodyne'" in text
    else:
        world.rig.infos(T0)
        world.spin(0.2)
        world.rig.images(T0 + SECOND)
        world.spin_until(lambda: grids)


@pytest.mark.parametrize(
    ("reason", "cloud"),
    [
        ("cloud_empty", {"points": []}),
        ("cloud_empty", {"points": [(float("nan"), 0.0, 0.0)]}),
        ("cloud_frame", {"frame_id": "elsewhere"}),
    ],
    ids=["empty", "NaN", "frame"],
)
def test_a_wrong_cloud_is_counted_and_the_frame_completed_from_stereo(world, reason, cloud):
    statuses = world.listen(Status, "ssc_node/status")
    node = world.start()
    connect(world, points=True)
    world.rig.points(T0, **cloud)
    world.rig.images(T0)
    world.spin_until(lambda: statuses)
    assert drops(node) == {reason: 1}
    world.rig.points(T0 + SECOND)
    world.rig.images(T0 + SECOND)
    world.spin_until(lambda: len(statuses) == 2)
    assert [status.lidar_used for status in statuses] == [False, True]


def test_images_from_the_future_are_dropped(world):
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    node = world.start(lidar__enabled=False)
    connect(world)
    now = world.client.get_clock().now().nanoseconds
    world.rig.images(now + 3600 * SECOND)
    world.spin_until(lambda: drops(node) == {"future": 2})
    world.rig.images(now)
    world.spin_until(lambda: grids)
    assert world.stamp_of(grids[0]) == now


def test_a_replay_that_starts_over_goes_on_working(world):
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    node = world.start(lidar__enabled=False)
    connect(world)
    world.rig.images(T0 + 100 * SECOND)
    world.spin_until(lambda: len(grids) == 1)
    world.rig.publish("left/image_rect", world.rig.image(T0 + 101 * SECOND))  # waits for its partner
    world.spin(0.2)
    world.rig.images(T0)
    world.spin_until(lambda: len(grids) == 2)
    assert world.stamp_of(grids[1]) == T0
    assert drops(node) == {"time_jump": 1}


def test_the_clock_of_a_replay_may_start_over(world):
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    node = world.start(lidar__enabled=False, use_sim_time=True)
    connect(world)
    world.rig.advertise("/clock", Clock)
    world.connect("/clock")
    world.rig.images(100 * SECOND)
    world.spin_until(lambda: drops(node) == {"future": 2})  # no clock yet
    assert "/clock" in node._parts.pipeline.drops.explanations()[Drop.FUTURE]
    for number, time in enumerate((100, 50), start=1):
        world.rig.publish("/clock", Clock(clock=Time(sec=time)))
        world.spin_until(lambda: node.get_clock().now().nanoseconds == time * SECOND)  # noqa: B023
        world.rig.images(time * SECOND)
        world.spin_until(lambda: len(grids) == number)  # noqa: B023
    world.rig.images(51 * SECOND)
    world.spin_until(lambda: drops(node) == {"future": 4})


def test_compressed_images_are_taken_where_they_are_asked_for(world):
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False, image_transport="compressed")
    world.rig.infos(T0)
    for side in ("left", "right"):
        world.rig.advertise(f"{side}/image_rect/compressed", CompressedImage)
    world.connect(*(f"{side}/image_rect/compressed" for side in ("left", "right")), "left/camera_info")
    world.rig.infos(T0)
    picture = np.full((48, 64, 3), (10, 200, 90), np.uint8)
    _, data = cv2.imencode(".png", picture[..., ::-1])
    for side in ("left", "right"):
        message = CompressedImage(header=world.rig.header(T0, "camera"), format="rgb8; png compressed bgr8")
        message.data = data.tobytes()
        world.rig.publish(f"{side}/image_rect/compressed", message)
    world.spin_until(lambda: grids)
    np.testing.assert_array_equal(world.completer.frames[-1].left, picture)


def test_extrinsics_come_from_tf_where_it_is_installed(world, monkeypatch):
    """With a stand-in for tf2_ros, which PyPI does not have: asked with the frames of the messages, then remembered."""
    asked = []

    class TransformException(Exception):
        pass

    class Buffer:
        def __init__(self, node):
            assert node.get_name() == "ssc_node"

        def lookup_transform(self, target, source, time):
            asked.append((target, source))
            if len(asked) == 1:
                raise TransformException("not yet")
            transform = TransformStamped()
            transform.transform.translation.x = 0.25
            q = transform.transform.rotation
            q.x, q.y, q.z, q.w = -0.5, 0.5, -0.5, 0.5
            return transform

    tf2_ros = SimpleNamespace(
        Buffer=Buffer, TransformException=TransformException, TransformListener=lambda buffer, node, spin_thread: None
    )
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2_ros)
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    node = world.start(lidar__enabled=False, camera__extrinsics=None)
    connect(world)
    world.rig.images(T0)
    world.spin_until(lambda: drops(node) == {"extrinsics": 1})
    for k in (1, 2):
        world.rig.images(T0 + k * SECOND)
        world.spin_until(lambda: len(grids) == k)  # noqa: B023
    assert asked == [("velodyne", "camera")] * 2
    rig = world.completer.frames[-1].rig
    np.testing.assert_allclose(rig.T_grid_camera @ [0, 0, 1, 1], [1.25, 0, 0, 1], atol=1e-12)


def test_the_newest_frame_wins_and_the_others_are_counted_as_busy(world):
    statuses = world.listen(Status, "ssc_node/status")
    node = world.start(lidar__enabled=False, work=0.3)
    connect(world)
    for k in range(5):
        world.rig.images(T0 + k * SECOND)
        world.spin(0.02)
    world.spin_until(lambda: len(statuses) == 2)
    assert [world.stamp_of(status) for status in statuses] == [T0, T0 + 4 * SECOND]
    assert drops(node) == {"busy": 3}


def test_nothing_is_completed_for_nobody_unless_always_run(world):
    node = world.start(lidar__enabled=False)
    connect(world)
    world.rig.images(T0)
    world.spin_until(lambda: node._parts.pipeline.skipped == 1)
    assert not world.completer.frames
    result = node.set_parameters([rclpy.Parameter("always_run", value=True)])
    assert result[0].successful
    world.rig.images(T0 + SECOND)
    world.spin_until(lambda: world.completer.frames)


def test_parameters_are_checked_when_set(world):
    node = world.start()
    for name, value, why in (
        ("sync.slop", 2.0, "range"),
        ("grid.encoding", "png", "one of dense"),
        ("bev.min_height", 5.0, "below bev.max_height"),
        ("autostart", False, "read-only"),
    ):
        result = node.set_parameters([rclpy.Parameter(name, value=value)])[0]
        assert not result.successful, name
        assert why in result.reason
    assert node.set_parameters([rclpy.Parameter("sync.slop", value=0.03)])[0].successful
    assert node._parts.inputs._synchronizer.rules.slop == 30_000_000
    # what applies at the next configure is accepted, but does not disturb the running node
    assert node.set_parameters([rclpy.Parameter("lidar.frame_id", value="os_lidar")])[0].successful
    assert node._parts.pipeline.settings.lidar.frame_id == ""


def test_save_grid_writes_what_was_published(world, tmp_path):
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False)
    early = world.call(SaveGrid, "ssc_node/save_grid", SaveGrid.Request(directory=str(tmp_path)))
    assert not early.success
    connect(world)
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    response = world.call(SaveGrid, "ssc_node/save_grid", SaveGrid.Request(directory=str(tmp_path / "new")))
    assert response.success
    assert sorted(response.files) == sorted(map(str, (tmp_path / "new").iterdir()))
    labels = decode(grids[0]).labels
    raw = np.fromfile(tmp_path / "new" / f"{T0}.label", "<u2").reshape(labels.shape)
    np.testing.assert_array_equal(raw, np.array(SEMANTIC_KITTI.raw_ids)[labels])
    with np.load(tmp_path / "new" / f"{T0}.npz") as everything:
        np.testing.assert_array_equal(everything["labels"], labels)
        assert everything["stamp"] == T0
    (tmp_path / "file").touch()
    refused = world.call(SaveGrid, "ssc_node/save_grid", SaveGrid.Request(directory=str(tmp_path / "file")))
    assert not refused.success
    assert str(tmp_path / "file") in refused.message


def test_reset_forgets_the_newest_grid(world, tmp_path):
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False)
    connect(world)
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    assert world.call(Trigger, "ssc_node/reset").success
    assert not world.call(SaveGrid, "ssc_node/save_grid", SaveGrid.Request(directory=str(tmp_path))).success


def transition(world, number):
    """Ask the running node, as `ros2 lifecycle set` does."""
    request = ChangeState.Request(transition=Transition(id=number))
    return world.call(ChangeState, "ssc_node/change_state", request).success


def test_cleanup_frees_the_model_and_a_second_configure_works(world):
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False, activate=False)
    assert transition(world, Transition.TRANSITION_CONFIGURE)
    model = weakref.ref(world.completer)
    connect(world)
    world.rig.images(T0)
    world.spin(0.3)
    assert not grids  # an inactive node publishes nothing
    assert transition(world, Transition.TRANSITION_ACTIVATE)
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    assert transition(world, Transition.TRANSITION_DEACTIVATE)
    assert transition(world, Transition.TRANSITION_CLEANUP)
    world.completer = None
    world.spin_until(lambda: gc.collect() >= 0 and model() is None, what="for the model to be freed")
    assert transition(world, Transition.TRANSITION_CONFIGURE)
    assert transition(world, Transition.TRANSITION_ACTIVATE)
    world.connect(*IMAGES, "left/camera_info", "right/camera_info")
    world.rig.infos(T0)
    world.spin(0.2)
    world.rig.images(T0 + SECOND)
    world.spin_until(lambda: len(grids) == 2)


def test_a_checkpoint_that_cannot_be_loaded_leaves_the_node_unconfigured(world):
    def load(settings):
        raise OSError("disk on fire")

    node = world.start(load, activate=False)
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.FAILURE
    node._load_completer = world.load
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.SUCCESS


def statuses_of(messages):
    return {status.name.removeprefix("ssc_node: "): status for status in messages[-1].status} if messages else {}


def test_diagnostics_tell_rates_latencies_drops_and_the_checkpoint(world):
    messages = world.listen(DiagnosticArray, "/diagnostics")
    world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False)
    connect(world)
    now = world.client.get_clock().now().nanoseconds
    world.rig.images(now - SECOND)
    world.spin(0.1)
    world.rig.images(now - SECOND // 2, encoding="bayer_rggb8")

    def told():
        values = {kv.key: kv.value for kv in statuses_of(messages).get("drops", DiagnosticArray()).values or ()}
        return values.get("encoding") == "1"

    world.spin_until(lambda: statuses_of(messages) and told())
    status = statuses_of(messages)
    frames = {kv.key: kv.value for kv in status["frames"].values}
    assert frames["published"] == "1"
    assert 1000 < float(frames["latency stamp to publication, median [ms]"]) < 9000
    assert status["model"].hardware_id == "tiny"
    assert float({kv.key: kv.value for kv in status["model"].values}["resident memory [MB]"]) > 10


def test_the_watchdog_names_a_publisher_of_the_wrong_qos(world):
    """We ask for reliable images here; the camera offers best effort. Nothing can arrive, and the node says why."""
    messages = world.listen(DiagnosticArray, "/diagnostics")
    world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.rig.qos = qos_profile_sensor_data
    overrides = {f"qos_overrides__{topic}__subscription__reliability": "reliable" for topic in ("/left/image_rect",)}
    world.start(lidar__enabled=False, diagnostics__watchdog_period=1.0, **overrides)
    world.rig.infos(T0)
    world.rig.images(T0)
    world.spin_until(
        lambda: "reliab" in statuses_of(messages)["frames"].message.lower() if messages else False,
        what="for the reason",
    )
    told = statuses_of(messages)
    assert "/left/image_rect" in told["frames"].message
    assert "qos_overrides./left/image_rect.subscription.reliability" in told["connections"].message
    assert told["connections"].level == told["frames"].level == b"\x02"


def test_a_subscriber_of_the_wrong_qos_is_reported(world):
    messages = world.listen(DiagnosticArray, "/diagnostics")
    world.listen(SemanticVoxelGrid, "ssc_node/grid", LATCHED)  # more durable than offered
    world.start(lidar__enabled=False)
    world.spin_until(lambda: "ssc_node/grid" in statuses_of(messages)["connections"].message if messages else False)
    assert "urability" in statuses_of(messages)["connections"].message


def test_the_watchdog_names_the_missing_camera(world):
    messages = world.listen(DiagnosticArray, "/diagnostics")
    world.start(lidar__enabled=False, diagnostics__watchdog_period=1.0)
    world.spin_until(lambda: "nobody publishes" in statuses_of(messages)["frames"].message if messages else False)
    assert "/left/image_rect" in statuses_of(messages)["frames"].message


def test_qos_of_outputs_can_be_overridden(world):
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid", qos_profile_sensor_data)
    overrides = {"qos_overrides__/ssc_node/grid__publisher__reliability": "best_effort"}
    world.start(lidar__enabled=False, **overrides)
    connect(world)
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    reliability = {}
    for topic in ("grid", "occupied", "status"):
        (endpoint,) = world.client.get_publishers_info_by_topic(f"/ssc_node/{topic}")
        reliability[topic] = endpoint.qos_profile.reliability.name
    assert reliability == {"grid": "BEST_EFFORT", "occupied": "RELIABLE", "status": "RELIABLE"}  # that one only
