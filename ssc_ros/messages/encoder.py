"""What was sensed -> ROS messages, serialised as CDR by rosbags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.typesys.store import Typestore

from ssc_ros.core import StereoRig, poses
from ssc_ros.messages.stamps import seconds_and_nanoseconds
from ssc_ros.messages.topics import LEFT_CAMERA_FRAME, ODOMETRY_FRAME


@dataclass(frozen=True)
class Record:
    """One serialised message, as a bag stores it and a publisher sends it.

    Attributes:
        stamp: [ns], when it was recorded.
        topic: absolute name.
        msgtype: such as "sensor_msgs/msg/Image".
        data: CDR bytes, encapsulation header included.
    """

    stamp: int
    topic: str
    msgtype: str
    data: bytes


class MessageEncoder:
    """Serialises images, calibrations, sweeps and poses; each method returns the type's name and the CDR bytes."""

    def __init__(self, store: Typestore) -> None:
        self.store = store

    def image(self, stamp: int, rgb: NDArray[np.uint8], frame_id: str = LEFT_CAMERA_FRAME) -> tuple[str, bytes]:
        """sensor_msgs/Image, rgb8, of an (H, W, 3) uint8 RGB image."""
        height, width, _ = rgb.shape
        return self.message(
            "sensor_msgs/msg/Image",
            header=self.header(stamp, frame_id),
            height=height,
            width=width,
            encoding="rgb8",
            is_bigendian=0,
            step=width * 3,
            data=np.ascontiguousarray(rgb).reshape(-1),
        )

    def camera_infos(self, stamp: int, rig: StereoRig) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
        """sensor_msgs/CameraInfo of the left and of the right camera.

        Both are in the left optical frame, as CameraInfo.msg asks of a stereo pair: the fourth column of P is zero
        for the left camera, and (-fx * baseline, 0, 0) for the right one.
        """
        k = rig.camera_matrix
        left = np.concatenate([k, np.zeros((3, 1))], axis=1)
        right = left.copy()
        right[0, 3] = -k[0, 0] * rig.baseline
        return self._camera_info(stamp, rig, left), self._camera_info(stamp, rig, right)

    def _camera_info(self, stamp: int, rig: StereoRig, projection: NDArray[np.float64]) -> tuple[str, bytes]:
        region = self._type("sensor_msgs/msg/RegionOfInterest")(
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        return self.message(
            "sensor_msgs/msg/CameraInfo",
            header=self.header(stamp, LEFT_CAMERA_FRAME),
            height=rig.image_size[0],
            width=rig.image_size[1],
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=rig.camera_matrix.reshape(9),
            r=np.eye(3).reshape(9),
            p=projection.reshape(12),
            binning_x=0,
            binning_y=0,
            roi=region,
        )

    def point_cloud(self, stamp: int, points: NDArray[np.float32], frame_id: str) -> tuple[str, bytes]:
        """sensor_msgs/PointCloud2 (x, y, z [m], intensity; float32) of (N, 4) points in `frame_id`."""
        field = self._type("sensor_msgs/msg/PointField")
        names = ("x", "y", "z", "intensity")
        return self.message(
            "sensor_msgs/msg/PointCloud2",
            header=self.header(stamp, frame_id),
            height=1,
            width=len(points),
            fields=[field(name=n, offset=4 * i, datatype=field.FLOAT32, count=1) for i, n in enumerate(names)],
            is_bigendian=False,
            point_step=16,
            row_step=16 * len(points),
            data=np.ascontiguousarray(points, "<f4").reshape(-1).view(np.uint8),
            is_dense=True,
        )

    def odometry(self, stamp: int, T_odom_body: NDArray[np.float64], body_frame: str) -> tuple[str, bytes]:
        """nav_msgs/Odometry of a pose in the `odom` frame; twist and covariances are zero, that is, not known."""
        geometry = "geometry_msgs/msg"
        zero = self._type(f"{geometry}/Vector3")(0.0, 0.0, 0.0)
        return self.message(
            "nav_msgs/msg/Odometry",
            header=self.header(stamp, ODOMETRY_FRAME),
            child_frame_id=body_frame,
            pose=self._type(f"{geometry}/PoseWithCovariance")(self.pose(T_odom_body), np.zeros(36)),
            twist=self._type(f"{geometry}/TwistWithCovariance")(
                self._type(f"{geometry}/Twist")(zero, zero), np.zeros(36)
            ),
        )

    def transforms(self, stamp: int, parent: str, children: Mapping[str, NDArray[np.float64]]) -> tuple[str, bytes]:
        """tf2_msgs/TFMessage of T_parent_child (4, 4) for each child frame."""
        stamped = self._type("geometry_msgs/msg/TransformStamped")
        transform = self._type("geometry_msgs/msg/Transform")
        vector = self._type("geometry_msgs/msg/Vector3")
        return self.message(
            "tf2_msgs/msg/TFMessage",
            transforms=[
                stamped(self.header(stamp, parent), child, transform(vector(*T[:3, 3]), self._quaternion(T)))
                for child, T in children.items()
            ],
        )

    def message(self, msgtype: str, **fields: Any) -> tuple[str, bytes]:
        """Any type by its name and fields."""
        return msgtype, bytes(self.store.serialize_cdr(self._type(msgtype)(**fields), msgtype))

    def header(self, stamp: int, frame_id: str) -> Any:
        """std_msgs/Header of a stamp [ns]."""
        time = self._type("builtin_interfaces/msg/Time")(*seconds_and_nanoseconds(stamp))
        return self._type("std_msgs/msg/Header")(time, frame_id)

    def pose(self, T_parent_body: NDArray[np.float64]) -> Any:
        """geometry_msgs/Pose of a (4, 4) transform."""
        position = self._type("geometry_msgs/msg/Point")(*T_parent_body[:3, 3])
        return self._type("geometry_msgs/msg/Pose")(position, self._quaternion(T_parent_body))

    def _type(self, name: str) -> Any:
        return self.store.types[name]

    def _quaternion(self, transform: NDArray[np.float64]) -> Any:
        return self._type("geometry_msgs/msg/Quaternion")(*poses.to_quaternion(transform))
