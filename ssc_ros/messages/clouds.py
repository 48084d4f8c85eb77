"""Point clouds of messages as numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.messages.drops import Drop, UnusableInput

_POINT_FIELDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
"""Datatype of a sensor_msgs/PointField, INT8 to FLOAT64 -> numpy's name of it."""

FARTHEST = 1e6
"""Largest coordinate of a point [m]. No LiDAR sees as far: what is beyond stands for "no return", like NaN."""

_OF_INTEREST = ("x", "y", "z", "intensity")


@dataclass(frozen=True)
class Cloud:
    """A sensor_msgs/PointCloud2 as numpy, in the order of the message.

    Attributes:
        xyz: x, y and z, (N,) float32 [m] each, in the frame of the message.
        intensity: (N,), as it was sent; None where there is none.
        placed: (N,) bool, whether the point has coordinates that are finite and not beyond `FARTHEST`.
    """

    xyz: tuple[NDArray[np.float32], ...]
    intensity: NDArray[Any] | None
    placed: NDArray[np.bool_]

    def points(self, T_grid_lidar: NDArray[np.float64]) -> NDArray[np.float32]:
        """The points that have a place.

        Args:
            T_grid_lidar: (4, 4), frame of the cloud -> grid frame.

        Returns:
            (M, 4) float32, x, y, z [m] in the grid frame and intensity 0..1: an integer one is divided by the largest
            value of its type, a float one by 255 if it exceeds 1; 0 where there is none.
        """
        x, y, z = (axis[self.placed] for axis in self.xyz)
        points = np.zeros((len(x), 4), np.float32)
        # In float32, as the rest of the grid's arithmetic: exact for the identity, else good to 0.01 mm. And not by
        # `@`, whose BLAS threads fight with those of the network: 0.2 ms alone, 20 ms on busy cores.
        for axis, (to_x, to_y, to_z, offset) in enumerate(T_grid_lidar[:3].astype(np.float32)):
            points[:, axis] = to_x * x + to_y * y + to_z * z + offset
        if self.intensity is not None:
            points[:, 3] = _unit_intensity(self.intensity[self.placed])
        return points


def read_cloud(message: Any) -> Cloud:
    """A sensor_msgs/PointCloud2.

    Args:
        message: with fields x, y, z [m] and perhaps intensity, of any type, order, byte order and padding.

    Raises:
        UnusableInput: no x, y, z; sizes that do not agree; no point with a place.
    """
    fields = _structured(message)
    with np.errstate(over="ignore"):  # a double that no float holds is as far away as infinity
        xyz = tuple(fields[axis].astype(np.float32) for axis in "xyz")
    placed = (np.abs(xyz[0]) <= FARTHEST) & (np.abs(xyz[1]) <= FARTHEST) & (np.abs(xyz[2]) <= FARTHEST)
    if not placed.any():
        raise UnusableInput(Drop.CLOUD_EMPTY, f"none of the {len(fields)} points of a cloud has finite coordinates")
    return Cloud(xyz, fields["intensity"] if "intensity" in (fields.dtype.names or ()) else None, placed)


def read_points(message: Any, T_grid_lidar: NDArray[np.float64]) -> NDArray[np.float32]:
    """Points (M, 4) float32 of a sensor_msgs/PointCloud2 that have a place; see `read_cloud` and `Cloud.points`."""
    return read_cloud(message).points(T_grid_lidar)


def _structured(message: Any) -> NDArray[Any]:
    """The cloud as a flat structured array of the fields of interest; nothing is viewed before the layout is known."""
    height, width = int(message.height), int(message.width)
    if min(height, width) < 1:
        raise UnusableInput(Drop.CLOUD_EMPTY, "point cloud has no points at all; is the LiDAR spinning?")
    point = int(message.point_step)
    row = int(message.row_step) or width * point
    data = np.frombuffer(message.data, np.uint8)
    formats, offsets = _layout(message, point)
    if not (1 <= width * point <= row and height * row <= data.size):
        raise UnusableInput(
            Drop.CLOUD_LAYOUT,
            f"point cloud of {width} x {height} points of {point} bytes, in rows of {row} bytes, does not fit into its "
            f"{data.size} bytes; the driver or the network cut it short",
        )
    names = list(formats)
    kind = np.dtype({"names": names, "formats": list(formats.values()), "offsets": offsets, "itemsize": point})
    rows = data[: height * row].reshape(height, row)[:, : width * point]
    cloud: NDArray[Any] = np.ascontiguousarray(rows).reshape(-1).view(kind)
    return cloud


def _layout(message: Any, point: int) -> tuple[dict[str, str], list[int]]:
    """Numpy's format and the offset [bytes] of each field of interest, all of them inside of a point of that size."""
    order = ">" if message.is_bigendian else "<"
    fields = {field.name: field for field in message.fields if field.name in _OF_INTEREST}
    missing = [axis for axis in "xyz" if axis not in fields]
    if missing:
        raise UnusableInput(
            Drop.CLOUD_LAYOUT,
            f"point cloud has fields {[field.name for field in message.fields][:20]}, expected x, y and z",
        )
    formats, offsets = {}, []
    for name in _OF_INTEREST:
        if name not in fields:
            continue
        offset, datatype = int(fields[name].offset), int(fields[name].datatype)
        kind = _POINT_FIELDS.get(datatype)
        if kind is None:
            known = f"{min(_POINT_FIELDS)} to {max(_POINT_FIELDS)}"
            text = f"field {name} of a cloud has datatype {datatype}, expected {known} (sensor_msgs/PointField)"
            raise UnusableInput(Drop.CLOUD_LAYOUT, text)
        size = np.dtype(kind).itemsize
        if not 0 <= offset <= point - size:
            text = f"field {name} of a cloud begins at byte {offset} and has {size} bytes, but a point has {point}"
            raise UnusableInput(Drop.CLOUD_LAYOUT, text)
        formats[name] = order + kind
        offsets.append(offset)
    return formats, offsets


def _unit_intensity(values: NDArray[Any]) -> NDArray[np.float32]:
    if values.dtype.kind in "iu":
        scale = float(np.iinfo(values.dtype).max)
    else:
        values = np.nan_to_num(values, posinf=0, neginf=0)
        scale = 255.0 if values.max() > 1 else 1.0
    return np.asarray(np.clip(values / scale, 0, 1), np.float32)
