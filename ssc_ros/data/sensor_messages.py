"""ROS sensor messages -> arrays, by their fields' names alone: those of rclpy and of rosbags alike, without ROS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SscError, StereoRig, poses

NANOSECONDS = 1_000_000_000
_TO_RGB = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
}
_POINT_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}


def stamp_of(message: Any) -> int:
    """Stamp [ns] of a message with a header."""
    stamp = message.header.stamp
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def read_image(message: Any) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a sensor_msgs Image or CompressedImage; may be a view of the message.

    Raises:
        SscError: an encoding that is not supported, too little data, or a damaged compressed image.
    """
    data = np.frombuffer(message.data, np.uint8)
    if hasattr(message, "format"):
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if image is None:
            raise SscError(f"a compressed image of format '{message.format}' and {data.size} bytes cannot be decoded")
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    if message.encoding not in _TO_RGB:
        raise SscError(
            f"image encoding '{message.encoding}' is not supported, only {', '.join(_TO_RGB)}; convert it (debayer, "
            "rectify) with image_proc first"
        )
    channels, code = _TO_RGB[message.encoding]
    height, width, step = message.height, message.width, message.step
    if min(height, width) < 1 or step < width * channels or data.size < height * step:
        raise SscError(f"image of {width} x {height} {message.encoding} has step {step} and {data.size} bytes of data")
    pixels = data[: height * step].reshape(height, step)[:, : width * channels].reshape(height, width, channels)
    return pixels if code is None else np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def read_rig(left: Any, right: Any, T_grid_camera: NDArray[np.float64]) -> StereoRig:
    """Rig of two sensor_msgs CameraInfo and the place of the left optical frame.

    Raises:
        SscError: no calibration, two image sizes, or a pair that is not rectified.
    """
    sizes = [(int(info.height), int(info.width)) for info in (left, right)]
    if sizes[0] != sizes[1]:
        raise SscError(f"left camera_info is for {sizes[0]} (height, width) images, the right one for {sizes[1]}")
    left_p, right_p = (np.asarray(info.p, np.float64).reshape(3, 4) for info in (left, right))
    rig = StereoRig.from_projections(left_p, right_p, sizes[0], T_grid_camera)
    if not np.allclose(left_p[:, :3], right_p[:, :3], rtol=1e-3):
        raise SscError("left and right P differ in their camera matrix, so the pair is not rectified for one camera")
    return rig


def read_points(message: Any) -> NDArray[np.float32]:
    """(N, 4) float32 x, y, z [m], intensity of a sensor_msgs PointCloud2, in its own frame; NaN points are left out.

    The intensity field may be called intensity, reflectivity or i, and is 0 where there is none.

    Raises:
        SscError: no x, y, z, big-endian data, or less data than announced.
    """
    fields = {f.name: f for f in message.fields}
    absent = [name for name in "xyz" if name not in fields]
    if absent or message.is_bigendian:
        raise SscError(f"point cloud has fields {sorted(fields)}, is_bigendian {message.is_bigendian}; needs x, y, z")
    count, step = message.height * message.width, message.point_step
    data = np.frombuffer(message.data, np.uint8)
    if data.size < count * step:
        raise SscError(f"point cloud announces {count} points of {step} bytes, but holds {data.size} bytes")
    intensity = next((name for name in ("intensity", "reflectivity", "i") if name in fields), None)
    used = ["x", "y", "z"] + ([intensity] if intensity else [])
    record = np.dtype(
        {
            "names": used,
            "formats": [f"<{_POINT_TYPES[fields[name].datatype]}" for name in used],
            "offsets": [fields[name].offset for name in used],
            "itemsize": step,
        }
    )
    structured = np.frombuffer(data, record, count)
    points = np.zeros((count, 4), np.float32)
    for column, name in enumerate(used):
        points[:, column] = structured[name]
    finite = np.isfinite(points).all(axis=1)
    return points if finite.all() else points[finite]


def read_transform(message: Any) -> NDArray[np.float64]:
    """(4, 4) of a geometry_msgs Transform (translation, rotation) or Pose (position, orientation)."""
    translation, rotation = (
        (message.translation, message.rotation)
        if hasattr(message, "translation")
        else (message.position, message.orientation)
    )
    return poses.from_quaternion(
        np.array([rotation.x, rotation.y, rotation.z, rotation.w]),
        np.array([translation.x, translation.y, translation.z]),
    )


class StaticTransforms:
    """The tree of static transforms, by frame name."""

    def __init__(self, messages: Sequence[Any]) -> None:
        """Collect tf2_msgs TFMessages; a later transform of the same child replaces an earlier one."""
        self._parent: dict[str, tuple[str, NDArray[np.float64]]] = {}
        for message in messages:
            for stamped in message.transforms:
                self._parent[stamped.child_frame_id] = stamped.header.frame_id, read_transform(stamped.transform)

    @property
    def frames(self) -> list[str]:
        """Names of all frames."""
        return sorted(self._parent.keys() | {parent for parent, _ in self._parent.values()})

    def lookup(self, target: str, source: str) -> NDArray[np.float64]:
        """T_target_source (4, 4).

        Raises:
            SscError: the two are not connected; never an identity in its place.
        """
        to_target, to_source = self._to_root(target), self._to_root(source)
        if to_target[0] != to_source[0]:
            raise SscError(
                f"no static transform from '{source}' to '{target}'; the frames are {', '.join(self.frames) or 'none'}"
            )
        return poses.inverse(to_target[1]) @ to_source[1]

    def _to_root(self, frame: str) -> tuple[str, NDArray[np.float64]]:
        T_root_frame = np.eye(4)
        visited = {frame}
        while frame in self._parent:
            frame, T_parent_frame = self._parent[frame]
            T_root_frame = T_parent_frame @ T_root_frame
            if frame in visited:
                raise SscError(f"the static transforms form a circle through '{frame}'")
            visited.add(frame)
        return frame, T_root_frame
