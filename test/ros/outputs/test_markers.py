"""Markers that show a grid, compared voxel by voxel with a slow reading of the same grid."""

from __future__ import annotations

import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from visualization_msgs.msg import Marker, MarkerArray

from ssc_ros.core import SEMANTIC_KITTI, SemanticGrid
from ssc_ros.ros.outputs.markers import surface_markers

from ...messages.grids import empty_grid, exposed, random_grid, voxel_of


@pytest.mark.parametrize("grid", [random_grid(), random_grid(solid=0.0), empty_grid()], ids=["many", "few", "none"])
def test_spliced_markers_are_read_by_rclpy_as_written(grid: SemanticGrid) -> None:
    message = deserialize_message(surface_markers(grid, 10_000), MarkerArray)
    clear, cubes = message.markers
    assert clear.action == Marker.DELETEALL
    assert (cubes.type, cubes.action, cubes.ns) == (Marker.CUBE_LIST, Marker.ADD, "occupied")
    assert (cubes.scale.x, cubes.scale.y, cubes.scale.z) == (0.5, 0.5, 0.5)
    assert cubes.header.frame_id == "lidar"
    seen = {voxel_of((p.x, p.y, p.z)): c for p, c in zip(cubes.points, cubes.colors, strict=True)}
    assert seen.keys() == exposed(grid)
    for index, color in seen.items():
        rgb = SEMANTIC_KITTI.palette[grid.labels[index]]
        np.testing.assert_allclose((255 * color.r, 255 * color.g, 255 * color.b, color.a), (*rgb, 1), atol=1e-4)
    assert cubes.text == cubes.mesh_resource == ""


def test_capped_markers_are_the_nearest() -> None:
    grid = random_grid()
    full = deserialize_message(surface_markers(grid, 10_000), MarkerArray).markers[1].points
    capped = deserialize_message(surface_markers(grid, 20), MarkerArray).markers[1].points
    distances = [sorted(p.x**2 + p.y**2 + p.z**2 for p in points) for points in (full, capped)]
    assert len(full) > 20
    np.testing.assert_array_equal(distances[1], distances[0][:20])
