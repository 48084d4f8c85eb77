"""The shipped RViz view shows topics that exist, with a quality of service that connects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ssc_ros.core import SEMANTIC_KITTI_GRID
from ssc_ros.core.resources import share_directory
from ssc_ros.messages.topics import TOPICS

# Names of properties, as the sources of RViz for Jazzy (github.com/ros2/rviz) give them; paths below
# rviz_default_plugins/src/rviz_default_plugins/ unless they begin with rviz_common.
QOS = {"Depth", "History Policy", "Reliability Policy", "Durability Policy"}
"""rviz_common/properties/qos_profile_property.cpp."""

TOPIC = QOS | {"Filter size"}
"""Of a display with a filter of messages: rviz_common/message_filter_display.hpp."""

DISPLAY = {"Class", "Name", "Enabled", "Value"}
VECTOR = {"X", "Y", "Z"}

PROPERTIES: dict[str, dict[str, set[str]]] = {
    # displays/pointcloud/point_cloud_common.cpp, transformers/*.cpp
    "PointCloud2": {
        "": {
            *("Topic", "Selectable", "Style", "Size (m)", "Size (Pixels)", "Alpha", "Decay Time"),
            *("Position Transformer", "Color Transformer", "Channel Name", "Use rainbow", "Invert Rainbow"),
            *("Min Color", "Max Color", "Autocompute Intensity Bounds", "Min Intensity", "Max Intensity"),
            *("Color", "Axis", "Autocompute Value Bounds", "Use Fixed Frame"),
        },
        "Topic": TOPIC,
    },
    # displays/map/map_display.cpp; the topic of updates has no filter
    "Map": {
        "": {
            *("Topic", "Update Topic", "Alpha", "Color Scheme", "Draw Behind", "Use Timestamp"),
            *("Binary representation", "Binary threshold"),
        },
        "Topic": TOPIC,
        "Update Topic": QOS,
    },
    # displays/image/image_display.cpp
    "Image": {"": {"Topic", "Normalize Range", "Min Value", "Max Value", "Median window"}, "Topic": QOS},
    # displays/tf/tf_display.cpp
    "TF": {
        "": {
            *("Frame Timeout", "Frames", "Marker Scale", "Show Arrows", "Show Axes", "Show Names", "Tree"),
            "Update Interval",
        },
        "Frames": {"All Enabled"},
    },
    # displays/grid/grid_display.cpp
    "Grid": {
        "": {
            *("Reference Frame", "Plane Cell Count", "Normal Cell Count", "Cell Size", "Line Style", "Color"),
            *("Alpha", "Plane", "Offset"),
        },
        "Line Style": {"Line Width"},
        "Offset": VECTOR,
    },
    # view_controllers/orbit/orbit_view_controller.cpp, rviz_common/view_controller.cpp
    "Orbit": {
        "": {
            *("Distance", "Focal Shape Size", "Focal Shape Fixed Size", "Yaw", "Pitch", "Focal Point"),
            *("Target Frame", "Near Clip Distance", "Invert Z Axis", "Enable Stereo Rendering"),
        },
        "Focal Point": VECTOR,
    },
}
"""By class and group of properties; "" is the class itself."""

yaml = pytest.importorskip("yaml")
pytest.importorskip("rclpy", reason="needs ROS 2: pip install 'ssc_ros[ros-jazzy]' or source /opt/ros")


@pytest.fixture(scope="module")
def view() -> dict[str, Any]:
    manager = yaml.safe_load((share_directory() / "rviz" / "ssc.rviz").read_text())["Visualization Manager"]
    assert isinstance(manager, dict)
    return manager


def topics(view: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for display in view["Displays"]:
        if "Topic" in display:
            yield display["Class"].rpartition("/")[2], display["Topic"]["Value"], display["Topic"]


def offered() -> dict[str, tuple[str, Any]]:
    """Display class and QoS of everything that node and replay publish and RViz can show."""
    from ssc_ros.ros.outputs.publishers import OFFERS
    from ssc_ros.ros.qos import LATEST
    from ssc_ros.ros.replay.replay import offered_qos
    from ssc_ros.ros.segmentation import TOPIC

    plugin = {"PointCloud2": "PointCloud2", "OccupancyGrid": "Map"}
    outputs = {
        offer.topic.replace("~", "/ssc_node"): (plugin[offer.type.__name__], offer.qos)
        for offer in OFFERS
        if offer.type.__name__ in plugin
    }
    outputs[TOPIC.replace("~", "/ssc_node")] = "PointCloud2", LATEST
    images = {topic: ("Image", offered_qos(topic)) for topic in (TOPICS.left_image, TOPICS.right_image)}
    return outputs | images | {TOPICS.points: ("PointCloud2", offered_qos(TOPICS.points))}


def test_every_topic_is_published_and_shown_by_the_right_plugin(view: dict[str, Any]) -> None:
    shown = {topic: plugin for plugin, topic, _ in topics(view)}
    assert len(shown) == 6
    published = offered()
    assert shown == {topic: published[topic][0] for topic in shown}
    assert {"/ssc_node/occupied", "/ssc_node/bev", "/ssc_node/points_semantic", TOPICS.left_image} <= shown.keys()


def test_quality_of_service_connects(view: dict[str, Any]) -> None:
    from rclpy.qos import (
        QoSCompatibility,
        QoSDurabilityPolicy,
        QoSProfile,
        QoSReliabilityPolicy,
        qos_check_compatible,
    )

    published = offered()
    for _, topic, settings in topics(view):
        requested = QoSProfile(
            depth=settings["Depth"],
            reliability=QoSReliabilityPolicy[settings["Reliability Policy"].upper().replace(" ", "_")],
            durability=QoSDurabilityPolicy[settings["Durability Policy"].upper().replace(" ", "_")],
        )
        compatible, reason = qos_check_compatible(published[topic][1], requested)
        assert compatible != QoSCompatibility.ERROR, f"{topic}: {reason}"


def test_voxels_are_boxes_in_the_frame_of_the_grid(view: dict[str, Any]) -> None:
    assert view["Global Options"]["Fixed Frame"] == SEMANTIC_KITTI_GRID.frame_id
    (voxels,) = (d for d in view["Displays"] if d.get("Topic", {}).get("Value") == "/ssc_node/occupied")
    assert (voxels["Style"], voxels["Color Transformer"]) == ("Boxes", "RGB8")
    assert 0.9 * SEMANTIC_KITTI_GRID.voxel_size < voxels["Size (m)"] <= SEMANTIC_KITTI_GRID.voxel_size


def test_every_property_is_one_that_rviz_has(view: dict[str, Any]) -> None:
    """RViz says nothing about a name that it does not know, and takes its default."""
    shown = [*view["Displays"], view["Views"]["Current"]]
    assert len(shown) == 9
    for display in shown:
        kind = display["Class"].removeprefix("rviz_default_plugins/")
        groups = PROPERTIES[kind]
        unknown = display.keys() - groups[""] - DISPLAY
        for name in groups.keys() & display.keys():
            unknown |= display[name].keys() - groups[name] - {"Value"}
        nested = {name for name, value in display.items() if isinstance(value, dict)}
        assert (kind, unknown, nested - groups.keys()) == (kind, set(), set())
