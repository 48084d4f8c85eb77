"""What was found as ROS messages: the grid's surface as a cloud, a flat map, labelled points, the class table."""

from __future__ import annotations

import array
from collections.abc import Collection

import numpy as np
from builtin_interfaces.msg import Time
from nav_msgs.msg import OccupancyGrid
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from ssc_ros.core import LabelSet, SemanticGrid
from ssc_ros.messages.arrays import byte_array
from ssc_ros.messages.clouds import Cloud
from ssc_ros.messages.occupancy import occupancy_cells
from ssc_ros.messages.point_records import fill_cloud, semantic_points, surface_points
from ssc_ros.messages.stamps import seconds_and_nanoseconds
from ssc_ros_msgs.msg import LabelInfo


def header(grid: SemanticGrid) -> Header:
    """Stamp and frame of a grid."""
    sec, nanosec = seconds_and_nanoseconds(grid.stamp)
    return Header(stamp=Time(sec=sec, nanosec=nanosec), frame_id=grid.grid.frame_id)


def surface_cloud(grid: SemanticGrid) -> PointCloud2:
    """Centres of the voxels that can be seen from anywhere, coloured by class; fields as in `SURFACE_POINT`."""
    points = surface_points(grid)
    message = PointCloud2(header=header(grid), height=1, width=len(points), is_dense=True)
    fill_cloud(message, points, PointField)
    return message


def semantic_cloud(sensed: PointCloud2, cloud: Cloud, labels: NDArray[np.uint8], label_set: LabelSet) -> PointCloud2:
    """A cloud with the classes of its points: the same points in the same order, fields as in `SEMANTIC_POINT`.

    Args:
        sensed: the cloud as it came; header, width and height are taken from it.
        cloud: the same, read.
        labels: (M,) train ids of the points that have a place, 0 unlabelled.
        label_set: gives the colours; unlabelled points are grey.
    """
    message = PointCloud2(header=sensed.header, height=sensed.height, width=sensed.width)
    message.is_dense = bool(cloud.placed.all())
    fill_cloud(message, semantic_points(cloud, labels, label_set), PointField)
    return message


def occupancy_map(grid: SemanticGrid, free: Collection[str], min_height: float, max_height: float) -> OccupancyGrid:
    """What is in the way, from above; see `occupancy_cells`."""
    cells = occupancy_cells(grid, free, min_height, max_height)
    message = OccupancyGrid(header=header(grid))
    info, position = message.info, message.info.origin.position
    info.map_load_time = message.header.stamp
    info.resolution = grid.grid.voxel_size
    info.width, info.height = cells.shape
    position.x, position.y, position.z = grid.grid.min_corner
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
