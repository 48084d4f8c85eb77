"""What was found as messages: the grid, its surface as a cloud, a flat map, labelled points, the class table."""

from __future__ import annotations

import array
from collections.abc import Collection

import numpy as np
from builtin_interfaces.msg import Time
from nav_msgs.msg import OccupancyGrid
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from ssc_ros.core import EMPTY, UNKNOWN, LabelSet, SemanticGrid
from ssc_ros.ros.codec import Encoding, encode
from ssc_ros.ros.conversions import Cloud
from ssc_ros_msgs.msg import LabelInfo, SemanticVoxelGrid

SURFACE_POINT = np.dtype(
    {
        "names": ["x", "y", "z", "rgb", "label", "confidence"],
        "formats": ["<f4", "<f4", "<f4", "<u4", "u1", "u1"],
        "offsets": [0, 4, 8, 12, 16, 17],
        "itemsize": 20,  # a multiple of 4, so that C++ reads aligned floats
    }
)
"""One voxel of `~/occupied`: centre [m], colour 0x00RRGGBB, class id, probability 0..255 (255 if there is none)."""

SEMANTIC_POINT = np.dtype(
    {
        "names": ["x", "y", "z", "intensity", "label", "rgb"],
        "formats": ["<f4", "<f4", "<f4", "<f4", "u1", "<u4"],
        "offsets": [0, 4, 8, 12, 16, 20],
        "itemsize": 24,
    }
)
"""One point of `~/points_semantic`: place [m] and intensity as they were sensed, class id, colour 0x00RRGGBB."""

FREE_CELL, OCCUPIED_CELL, UNKNOWN_CELL = 0, 100, -1


def header(grid: SemanticGrid) -> Header:
    """Stamp and frame of a grid."""
    sec, nanosec = divmod(grid.stamp, 1_000_000_000)
    return Header(stamp=Time(sec=sec, nanosec=nanosec), frame_id=grid.grid.frame_id)


def byte_array(data: NDArray[np.generic], kind: str = "B") -> array.array[int]:
    """An array field's value; the one form that rclpy takes without a look at each element."""
    payload: array.array[int] = array.array(kind)
    payload.frombytes(np.ascontiguousarray(data).view(np.uint8).data)
    return payload


def voxel_grid(grid: SemanticGrid, encoding: Encoding) -> SemanticVoxelGrid:
    """The grid, complete."""
    message = SemanticVoxelGrid()
    encode(grid, encoding).fill(message)
    return message


def surface_cloud(grid: SemanticGrid) -> PointCloud2:
    """Centres of the voxels that can be seen from anywhere, coloured by class; fields as in `SURFACE_POINT`."""
    index = grid.surface()
    at = tuple(index.T)
    points = np.zeros(len(index), SURFACE_POINT)
    points["x"], points["y"], points["z"] = grid.grid.centers(index).T
    points["label"] = labels = grid.labels[at]
    points["rgb"] = _packed_colors(grid.label_set)[labels]
    points["confidence"] = 255 if grid.confidence is None else grid.confidence[at]
    message = PointCloud2(header=header(grid), height=1, width=len(points), is_dense=True)
    _fill(message, points)
    return message


def semantic_cloud(sensed: PointCloud2, cloud: Cloud, labels: NDArray[np.uint8], label_set: LabelSet) -> PointCloud2:
    """A cloud with the classes of its points: the same points in the same order, fields as in `SEMANTIC_POINT`.

    Args:
        sensed: the cloud as it came; header, width and height are taken from it.
        cloud: the same, read.
        labels: (M,) train ids of the points that have a place, 0 unlabelled.
        label_set: gives the colours; unlabelled points are grey.
    """
    points = np.zeros(len(cloud.placed), SEMANTIC_POINT)
    points["x"], points["y"], points["z"] = cloud.xyz
    points["intensity"] = 0 if cloud.intensity is None else cloud.intensity
    points["label"][cloud.placed] = labels
    colors = _packed_colors(label_set)
    colors[EMPTY] = colors[UNKNOWN]
    points["rgb"] = colors[points["label"]]
    message = PointCloud2(header=sensed.header, height=sensed.height, width=sensed.width)
    message.is_dense = bool(cloud.placed.all())
    _fill(message, points)
    return message


def _packed_colors(label_set: LabelSet) -> NDArray[np.uint32]:
    """(256,) 0x00RRGGBB of each train id."""
    colors = label_set.colors(np.arange(256, dtype=np.uint8)).astype(np.uint32)
    return np.asarray(colors @ np.array([1 << 16, 1 << 8, 1], np.uint32), np.uint32)


def _fill(message: PointCloud2, points: NDArray[np.void]) -> None:
    """Put structured points into a cloud of known height and width."""
    message.fields = [_field(points.dtype, name) for name in points.dtype.names or ()]
    message.point_step = points.dtype.itemsize
    message.row_step = message.width * message.point_step
    message.data = byte_array(points)


def _field(point: np.dtype[np.void], name: str) -> PointField:
    assert point.fields is not None
    kind, offset = point.fields[name][:2]
    # colours are declared as float32, because PCL and RViz read packed colours only so
    datatype = PointField.UINT8 if kind.itemsize == 1 else PointField.FLOAT32
    return PointField(name=name, offset=offset, datatype=datatype, count=1)


def occupancy_map(grid: SemanticGrid, free: Collection[str], min_height: float, max_height: float) -> OccupancyGrid:
    """What is in the way, from above.

    A column with an obstacle (any class that is not free) between the heights is occupied; otherwise one with a free
    class at any height is free; otherwise it is unknown.

    Args:
        grid: in a frame with z up.
        free: names of classes to drive on.
        min_height, max_height: band [m], z of the grid frame, by voxel centres.
    """
    scene = grid.grid
    drivable = np.zeros(256, bool)
    drivable[[number for number, name in enumerate(grid.label_set.names) if name in free]] = True
    solid = ~drivable
    solid[[EMPTY, UNKNOWN]] = False
    heights = scene.min_corner[2] + (np.arange(scene.shape[2]) + 0.5) * scene.voxel_size
    band = (heights >= min_height) & (heights <= max_height)
    cells = np.full(scene.shape[:2], UNKNOWN_CELL, np.int8)
    cells[drivable[grid.labels].any(axis=2)] = FREE_CELL
    cells[solid[grid.labels[:, :, band]].any(axis=2)] = OCCUPIED_CELL
    message = OccupancyGrid(header=header(grid))
    info, position = message.info, message.info.origin.position
    info.map_load_time = message.header.stamp
    info.resolution = scene.voxel_size
    info.width, info.height = scene.shape[:2]
    position.x, position.y, position.z = scene.min_corner
    message.data = byte_array(cells.T, "b")  # rows along x, as nav_msgs has them
    return message


def label_info(label_set: LabelSet, stamp: Time) -> LabelInfo:
    """Names and colours of the classes."""
    return LabelInfo(
        header=Header(stamp=stamp),
        label_set=label_set.name,
        ids=array.array("B", range(len(label_set))),
        names=list(label_set.names),
        colors=array.array("B", np.asarray(label_set.palette, np.uint8).tobytes()),
    )
