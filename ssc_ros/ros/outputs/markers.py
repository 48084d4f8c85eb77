"""A grid's surface as one CUBE_LIST marker, written as bytes because rclpy needs 4 ms for a thousand cubes."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point
from rclpy.serialization import serialize_message
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from ssc_ros.core import SemanticGrid
from ssc_ros.ros.outputs.messages import header

_SENTINEL = np.array([1.25e100, -2.5e100, 5e100], "<f8")
_POINT, _COLOR = 24, 16  # bytes


def surface_markers(grid: SemanticGrid, max_count: int) -> bytes:
    """A serialised MarkerArray: DELETEALL, then the cubes of the surface nearest to the grid frame's origin.

    rclpy writes an array of a single cube; its point and its colour are then replaced by all of ours. Both are
    multiples of 8 bytes, so nothing after them changes its alignment.

    Args:
        grid: to show.
        max_count: most cubes [-].
    """
    index = grid.surface()
    centers = grid.grid.centers(index).astype("<f8")
    if len(index) > max_count:
        nearest = np.argpartition((centers**2).sum(axis=1), max_count)[:max_count]
        index, centers = index[nearest], centers[nearest]
    colors = np.ones((len(index), 4), "<f4")
    colors[:, :3] = grid.label_set.colors(grid.labels[tuple(index.T)]) / 255.0
    single = serialize_message(_single_cube(grid))
    return _splice(single, centers, colors)


def _single_cube(grid: SemanticGrid) -> MarkerArray:
    clear = Marker(header=header(grid), action=Marker.DELETEALL)
    cubes = Marker(header=header(grid), ns="occupied", type=Marker.CUBE_LIST, action=Marker.ADD)
    cubes.scale.x = cubes.scale.y = cubes.scale.z = grid.grid.voxel_size
    cubes.pose.orientation.w = 1.0
    cubes.color.a = 1.0
    x, y, z = _SENTINEL.tolist()
    cubes.points = [Point(x=x, y=y, z=z)]
    cubes.colors = [ColorRGBA()]
    return MarkerArray(markers=[clear, cubes])


def _splice(single: bytes, points: np.ndarray, colors: np.ndarray) -> bytes:
    start = single.index(_SENTINEL.tobytes())
    one = np.uint32(1).tobytes()
    count = np.uint32(len(points)).tobytes()
    # the doubles are aligned to 8 bytes, so up to 4 bytes of padding follow the length of the sequence
    length = start - 4 if single[start - 4 : start] == one else start - 8
    assert single[length : length + 4] == one
    assert single[start + _POINT : start + _POINT + 4] == one
    padding = single[length + 4 : start] if len(points) else b""
    tail = single[start + _POINT + 4 + _COLOR :]
    return b"".join((single[:length], count, padding, points.tobytes(), count, colors.tobytes(), tail))
