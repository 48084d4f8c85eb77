"""The shipped RViz view shows topics that exist, with a quality of service that connects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ssc_ros.core import SEMANTIC_KITTI_GRID
from ssc_ros.core.resources import share_directory
from ssc_ros.messages.topics import TOPICS

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
