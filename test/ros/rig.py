"""What a stereo camera and a LiDAR publish, made by hand: the scene that the node is tested on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import ArrayLike
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

SECOND = 1_000_000_000
T0 = 1_000_000_000_123_456_789
"""A stamp [ns] that no float holds."""

WIDTH, HEIGHT, FX, BASELINE = 64, 48, 50.0, 0.5
OPTICAL = [0.0, 0.0, 0.0, -0.5, 0.5, -0.5, 0.5]  # camera at the grid's origin, looking along its x
IMAGES = ("left/image_rect", "right/image_rect")
INFOS = ("left/camera_info", "right/camera_info")


def stamp_message(nanoseconds: int) -> Time:
    sec, nanosec = divmod(nanoseconds, SECOND)
    return Time(sec=sec, nanosec=nanosec)


def stamp_of(message: Any) -> int:
    """Stamp [ns] of a message with a header."""
    return message.header.stamp.sec * SECOND + message.header.stamp.nanosec


def header(stamp: int, frame_id: str) -> Header:
    return Header(stamp=stamp_message(stamp), frame_id=frame_id)


def image_message(
    stamp: int, frame_id: str = "camera", width: int = WIDTH, height: int = HEIGHT, encoding: str = "rgb8"
) -> Image:
    channels = {"mono8": 1, "rgba8": 4, "bgra8": 4}.get(encoding, 3)
    message = Image(header=header(stamp, frame_id), encoding=encoding)
    message.width, message.height, message.step = width, height, width * channels
    message.data = bytes(width * height * channels)
    return message


def info_message(
    stamp: int, side: str, frame_id: str = "camera", fx: float = FX, baseline: float = BASELINE
) -> CameraInfo:
    tx = 0.0 if side == "left" else -fx * baseline
    message = CameraInfo(header=header(stamp, frame_id), width=WIDTH, height=HEIGHT)
    message.p = [fx, 0.0, WIDTH / 2, tx, 0.0, fx, HEIGHT / 2, 0.0, 0.0, 0.0, 1.0 if fx else 0.0, 0.0]
    return message


def cloud_message(stamp: int, points: ArrayLike, frame_id: str = "velodyne") -> PointCloud2:
    array = np.asarray(points, np.float32).reshape(-1, 3)
    message = PointCloud2(header=header(stamp, frame_id), height=1, width=len(array))
    message.fields = [PointField(name=n, offset=4 * i, datatype=7, count=1) for i, n in enumerate("xyz")]
    message.point_step, message.row_step = 12, 12 * len(array)
    message.data = array.tobytes()
    return message


@dataclass
class Rig:
    """Publishes what a stereo camera and a LiDAR publish, into the node's namespace."""

    node: Node
    qos: QoSProfile | int = 10
    publishers: dict[str, Publisher] = field(default_factory=dict)
    image = staticmethod(image_message)
    header = staticmethod(header)

    def publish(self, topic: str, message: Any, qos: QoSProfile | int | None = None) -> None:
        if topic not in self.publishers:
            self.publishers[topic] = self.node.create_publisher(type(message), topic, self.qos if qos is None else qos)
        self.publishers[topic].publish(message)

    def advertise(self, topic: str, kind: type | None = None) -> None:
        kind = kind or (PointCloud2 if topic == "points" else Image)
        self.publishers[topic] = self.node.create_publisher(kind, topic, self.qos)

    def infos(self, stamp: int, **options: Any) -> None:
        for side in ("left", "right"):
            self.publish(f"{side}/camera_info", info_message(stamp, side, **options))

    def images(self, stamp: int, **options: Any) -> None:
        for side in ("left", "right"):
            self.publish(f"{side}/image_rect", image_message(stamp, **options))

    def points(self, stamp: int, points: ArrayLike = ((1.0, 0.0, 0.0),), **options: Any) -> None:
        self.publish("points", cloud_message(stamp, points, **options))
