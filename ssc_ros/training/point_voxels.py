"""Labelled points of a batch, from the truth of its image cells: the nearest LiDAR point of each."""

from __future__ import annotations

import torch
from torch import Tensor

from ssc_ros.core import UNKNOWN, DepthBins, SceneGrid
from ssc_ros.networks.lift.frustum import frustum_points
from ssc_ros.training.scene_sample import SceneTruth

METRE = DepthBins(1.0, 1.0, 1)
"""One plane, one metre away: a point of it minus the camera's place is the ray."""


def point_voxels(
    truth: SceneTruth, projection: Tensor, image_size: tuple[int, int], grid: SceneGrid
) -> tuple[Tensor, Tensor]:
    """Which voxels the labelled points lie in.

    A point is taken to lie on the ray through the centre of its cell, at its own depth.

    Args:
        truth: batched; `depth` and `image` [B, h, w].
        projection: [B, 3, 4], grid frame [m] -> homogeneous pixel.
        image_size: (height, width) [px] of that image.
        grid: of the labels, at full resolution.

    Returns:
        [N] long, flat C-order index into (B, X, Y, Z), and [N] uint8 classes.
    """
    at_one = frustum_points(projection, (truth.depth.shape[1], truth.depth.shape[2]), image_size, METRE)[:, 0]
    matrix = projection.double()
    camera = -torch.linalg.solve(matrix[..., :3], matrix[..., 3:]).squeeze(-1).to(at_one)[:, None, None]
    points = camera + truth.depth[..., None] * (at_one - camera)
    index = ((points - points.new_tensor(grid.min_corner)) / grid.voxel_size).floor().long()
    shape = torch.tensor(grid.shape, device=index.device)
    inside = ((index >= 0) & (index < shape)).all(dim=-1) & (truth.depth > 0) & (truth.image != UNKNOWN)
    sample = torch.arange(len(index), device=index.device)[:, None, None].expand(inside.shape)[inside]
    x, y, z = index[inside].unbind(-1)
    return ((sample * grid.shape[0] + x) * grid.shape[1] + y) * grid.shape[2] + z, truth.image[inside]
