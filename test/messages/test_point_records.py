"""Points to publish, against a slow reading of the grid; the bytes of a message read back by its fields."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.messages.clouds import Cloud
from ssc_ros.messages.point_records import fill_cloud, packed_colors, semantic_points, surface_points

from .grids import empty_grid, exposed, random_grid, voxel_of

NUMPY_TYPES = {2: "u1", 7: "<f4"}
"""By the datatype of a sensor_msgs/PointField."""


@pytest.mark.parametrize("confidence", [False, True])
def test_the_surface_has_one_point_for_each_exposed_voxel(confidence: bool) -> None:
    grid = random_grid(confidence=confidence)
    points = surface_points(grid)
    seen = {voxel_of((p["x"], p["y"], p["z"])): p for p in points}
    assert seen.keys() == exposed(grid)
    assert len(seen) == len(points)
    for index, point in seen.items():
        assert point["label"] == grid.labels[index]
        assert point["confidence"] == (255 if grid.confidence is None else grid.confidence[index])
        packed = int(point["rgb"])
        assert ((packed >> 16) & 255, (packed >> 8) & 255, packed & 255) == SEMANTIC_KITTI.palette[point["label"]]


def test_an_empty_grid_has_no_surface() -> None:
    assert len(surface_points(empty_grid())) == 0


def test_points_of_a_cloud_keep_their_order_and_those_without_a_place_or_a_class_are_grey() -> None:
    x, y, z = np.array([[1, np.nan, 3], [4, 5, 6], [7, 8, 9]], np.float32)
    placed = np.array([True, False, True])
    points = semantic_points(Cloud((x, y, z), None, placed), np.array([1, 0], np.uint8), SEMANTIC_KITTI)
    np.testing.assert_array_equal(points["x"], x)
    np.testing.assert_array_equal(points["z"], z)
    assert points["intensity"].tolist() == [0, 0, 0]
    assert points["label"].tolist() == [1, 0, 0]
    car, grey = packed_colors(SEMANTIC_KITTI)[[1, 255]]
    assert points["rgb"].tolist() == [car, grey, grey]


def test_who_follows_the_fields_of_a_message_gets_the_records() -> None:
    points = surface_points(random_grid())
    message = SimpleNamespace(height=1, width=len(points))
    fill_cloud(message, points, SimpleNamespace)
    kind = np.dtype(
        {
            "names": [f.name for f in message.fields],
            "formats": [NUMPY_TYPES[f.datatype] for f in message.fields],
            "offsets": [f.offset for f in message.fields],
            "itemsize": message.point_step,
        }
    )
    read = np.frombuffer(message.data, kind)
    assert message.row_step == len(message.data) == len(points) * message.point_step
    assert kind.names == points.dtype.names
    for name in ("x", "y", "z", "label", "confidence"):
        np.testing.assert_array_equal(read[name], points[name])
    np.testing.assert_array_equal(read["rgb"].view(np.uint32), points["rgb"])  # as PCL and RViz have packed colours
