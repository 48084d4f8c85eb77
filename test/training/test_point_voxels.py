"""Labelled points of image cells find their voxels."""

from __future__ import annotations

import numpy as np
import torch

from ssc_ros.core import UNKNOWN, SceneGrid, StereoRig, poses
from ssc_ros.training.point_voxels import point_voxels
from ssc_ros.training.scene_sample import SceneTruth

GRID = SceneGrid((0.0, -3.2, -2.0), 0.4, (24, 16, 8))
OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0.05, 0, -1, 0, -0.1]))
RIG = StereoRig(np.array([[60.0, 0, 31], [0, 55.0, 13], [0, 0, 1]]), 0.5, (24, 64), OPTICAL)


def test_each_point_lies_in_the_voxel_that_the_camera_model_says() -> None:
    random = np.random.default_rng(0)
    depth = random.uniform(1, 14, (2, 6, 16)).astype(np.float32)
    classes = random.integers(1, 20, (2, 6, 16)).astype(np.uint8)
    depth[0, 0, 0], classes[1, 2, 3] = 0, UNKNOWN
    truth = SceneTruth(torch.zeros(2, *GRID.shape, dtype=torch.uint8), *map(torch.from_numpy, (depth, classes)))
    projection = torch.from_numpy(RIG.camera_matrix @ RIG.T_camera_grid[:3]).float()[None].repeat(2, 1, 1)
    index, found = point_voxels(truth, projection, RIG.image_size, GRID)
    expected = []
    for b in range(2):
        for row in range(6):
            for column in range(16):
                pixel = np.array([4 * column + 1.5, 4 * row + 1.5, 1.0])
                camera = depth[b, row, column] * np.linalg.solve(RIG.camera_matrix, pixel)
                voxel = GRID.indices(poses.apply(RIG.T_grid_camera, camera[None]))
                known = depth[b, row, column] > 0 and classes[b, row, column] != UNKNOWN
                if known and GRID.contains(voxel)[0]:
                    flat = np.ravel_multi_index((b, *voxel[0]), (2, *GRID.shape))
                    expected.append((int(flat), int(classes[b, row, column])))
    assert len(expected) > 50
    assert sorted(zip(index.tolist(), found.tolist(), strict=True)) == sorted(expected)
