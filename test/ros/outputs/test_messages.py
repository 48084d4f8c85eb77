"""Messages of the node, filled from a grid: they say what the grid and the records made of it say."""

from __future__ import annotations

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import PointField

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.messages.codec import Encoding, decode, encode
from ssc_ros.messages.occupancy import occupancy_cells
from ssc_ros.messages.point_records import surface_points
from ssc_ros.ros.outputs import messages
from ssc_ros_msgs.msg import SemanticVoxelGrid

from ...messages.grids import FREE, SCENE, empty_grid, random_grid

ROAD, CAR = SEMANTIC_KITTI.names.index("road"), SEMANTIC_KITTI.names.index("car")


@pytest.mark.parametrize("encoding", Encoding)
def test_the_grid_survives_its_message(encoding: Encoding) -> None:
    grid = random_grid(confidence=True)
    message = encode(grid, encoding).fill(SemanticVoxelGrid())
    decoded = decode(message)
    np.testing.assert_array_equal(decoded.labels, grid.labels)
    assert (decoded.stamp, decoded.grid) == (grid.stamp, SCENE)


@pytest.mark.parametrize("confidence", [False, True])
def test_the_surface_cloud_holds_the_points_of_the_surface(confidence: bool) -> None:
    grid = random_grid(confidence=confidence)
    message = messages.surface_cloud(grid)
    assert (message.header.frame_id, message.header.stamp) == ("lidar", Time(sec=5, nanosec=7))
    expected = surface_points(grid)
    assert (message.height, message.width) == (1, len(expected))
    assert message.point_step * len(expected) == message.row_step == len(message.data)
    types = {
        name: PointField.UINT8 if name in ("label", "confidence") else PointField.FLOAT32
        for name in expected.dtype.names
    }
    assert {f.name: f.datatype for f in message.fields} == types
    assert {f.name: f.offset for f in message.fields} == {name: expected.dtype.fields[name][1] for name in types}
    np.testing.assert_array_equal(np.frombuffer(message.data, expected.dtype), expected)


def test_the_map_has_the_cells_row_by_row_and_lies_where_the_grid_does() -> None:
    grid = random_grid(3, solid=0.15)
    message = messages.occupancy_map(grid, FREE, -1.3, 0.8)
    assert (message.info.width, message.info.height) == SCENE.shape[:2]
    assert message.info.resolution == SCENE.voxel_size
    position = message.info.origin.position
    assert (position.x, position.y, position.z) == SCENE.min_corner
    assert message.header.frame_id == "lidar"
    # nav_msgs: row-major, starting with (0, 0), x first
    cells = occupancy_cells(grid, FREE, -1.3, 0.8)
    assert list(message.data) == [cells[x, y] for y in range(SCENE.shape[1]) for x in range(SCENE.shape[0])]
    assert set(message.data) == {100, 0, -1}


def test_an_empty_grid_is_an_empty_cloud_and_an_unknown_map() -> None:
    assert messages.surface_cloud(empty_grid()).width == 0
    assert set(messages.occupancy_map(empty_grid(), FREE, -10, 10).data) == {-1}


def test_the_class_table_names_and_colours_every_class() -> None:
    info = messages.label_info(SEMANTIC_KITTI, Time(sec=3))
    assert info.label_set == "semantic_kitti"
    assert list(info.ids) == list(range(20))
    assert info.names[CAR] == "car"
    assert tuple(info.colors[3 * ROAD : 3 * ROAD + 3]) == SEMANTIC_KITTI.palette[ROAD]
