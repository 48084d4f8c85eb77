"""L2COcc's camera and LiDAR model on a box of 16 x 16 x 8 voxels, and something for them to look at."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ssc_ros.core import DepthBins, SceneGrid
from ssc_ros.systems import InputSpec, SceneInputs
from ssc_ros.systems.l2cocc.network import L2Cocc, L2CoccLidar

from ..training import tiny_l2cocc

GRID = SceneGrid((0.0, -3.2, -2.0), 0.4, (16, 16, 8))
HALF = GRID.coarsened(2)
SPEC = InputSpec(image_size=(32, 64), context_size=(8, 16), grid=GRID, bins=DepthBins(1.0, 0.5, 12))


def camera() -> L2Cocc:
    return tiny_l2cocc.camera(SPEC)


def lidar(volume: int = tiny_l2cocc.VOLUME, grid: SceneGrid = GRID) -> L2CoccLidar:
    return tiny_l2cocc.lidar(replace(SPEC, grid=grid), volume)


def inputs(batch: int = 2) -> SceneInputs:
    """What both read; noise."""
    generator = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(batch, *shape, generator=generator)

    corner, extent = torch.tensor([*GRID.min_corner, 0]), torch.tensor([6.4, 6.4, 3.2, 1])
    projection = torch.tensor([[32.0, -40, 0, 0], [16, 0, -40, 0], [1, 0, 0, 0]])
    return {
        "image": (255 * uniform(3, *SPEC.image_size)).byte(),
        "projection": projection.expand(batch, 3, 4),
        "stereo_depth": 6 * uniform(*SPEC.context_size),
        "stereo_voxels": (uniform(8, *HALF.shape) > 0.9).byte(),
        "points": corner + extent * uniform(500, 4),
    }


def labels(batch: int = 2) -> Tensor:
    """[B, 16, 16, 8] uint8: a street with two blocks, part of it unknown, most of it empty."""
    truth = torch.zeros(batch, *GRID.shape, dtype=torch.uint8)
    truth[:, :, :, 0] = 9
    truth[:, 4:8, 2:5, 1:6] = 13
    truth[:, 10:12, 9:15, 1:3] = 1
    truth[:, :, 12:] = 255
    return truth
