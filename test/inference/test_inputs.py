"""Preprocessing against slow, obvious rules."""

import numpy as np
import torch

from ssc_ros.core import Frame, SceneGrid, StereoRig, poses
from ssc_ros.inference.inputs import InputPreparer, nearest_depth, occupancy_children, project_nearest
from ssc_ros.systems import InputSpec

OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0, 0, -1, 0, -0.1]))
RIG = StereoRig(np.array([[200.0, 0, 160], [0, 200, 48], [0, 0, 1]]), 0.5, (96, 320), OPTICAL)


def test_nearest_depth_takes_the_smallest_known_depth_of_a_cell():
    depth = np.zeros((4, 6), np.float32)
    depth[0, 0], depth[1, 1], depth[3, 5] = 9.0, 4.0, 2.0
    np.testing.assert_array_equal(nearest_depth(depth, (2, 3)), [[4, 0, 0], [0, 0, 2]])


def test_projected_points_keep_the_nearest_and_ignore_what_is_behind():
    ahead = RIG.unproject(np.array([[100.0, 50.0], [101.0, 51.0], [-5.0, 50.0]]), np.array([8.0, 5.0, 3.0]))
    points = np.concatenate([ahead, [[-10.0, 0, 0]]]).astype(np.float32)
    cells = project_nearest(points, RIG, (24, 80))
    assert cells[12, 25] == np.float32(cells.max())
    assert abs(cells.max() - 5.0) < 1e-4
    assert (cells > 0).sum() == 1


def test_occupancy_children_equal_a_loop():
    grid = SceneGrid((0.0, -1.6, -0.8), 0.2, (16, 16, 8))
    points = np.random.default_rng(0).uniform((-1, -2, -1), (4, 2, 1), (400, 3)).astype(np.float32)
    children = occupancy_children(points, grid)
    expected = np.zeros_like(children)
    for point in points:
        x, y, z = grid.indices(point[None])[0]
        if 0 <= x < 16 and 0 <= y < 16 and 0 <= z < 8:
            expected[4 * (x % 2) + 2 * (y % 2) + z % 2, x // 2, y // 2, z // 2] = 1
    np.testing.assert_array_equal(children, expected)
    assert 100 < children.sum() < 400


def test_a_missing_sensor_is_all_zeros_and_the_projection_is_the_cameras():
    image = np.random.default_rng(0).integers(0, 256, (96, 320, 3), np.uint8)
    inputs = InputPreparer(InputSpec())(Frame(0, image, image, RIG))
    assert not inputs["lidar_depth"].any()
    assert not inputs["lidar_voxels"].any()
    point = np.array([20.0, 2.0, -1.0])
    u, v, d = (inputs["projection"].double() @ torch.from_numpy(np.append(point, 1.0))).tolist()
    pixel, depth = RIG.resized(192, 640).project(point)
    np.testing.assert_allclose([u / d, v / d, d], [*pixel, depth], rtol=1e-5)
