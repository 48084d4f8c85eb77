"""L2COcc's camera and LiDAR model on a box of 16 x 16 x 8 voxels, and something for them to look at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from ssc_ros.core import LIDAR, SEMANTIC_KITTI, DepthBins, SceneGrid
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck
from ssc_ros.networks.depth.depth_net import DepthNet
from ssc_ros.networks.heads.subvoxel import SubvoxelHead
from ssc_ros.networks.lidar.point_encoder import PointEncoder
from ssc_ros.networks.lift.depth_weighted import DepthWeightedLift
from ssc_ros.networks.lift.voxel_transformer import VoxelTransformer
from ssc_ros.networks.volume.blocks import ResidualBlock3d
from ssc_ros.networks.volume.measured import MeasuredFusion
from ssc_ros.networks.volume.tri_plane import PlaneEncoder, TriPlane
from ssc_ros.systems import InputSpec, SceneInputs
from ssc_ros.systems.l2cocc import ImageBranch, L2Cocc, L2CoccLidar

GRID = SceneGrid((0.0, -3.2, -2.0), 0.4, (16, 16, 8))
HALF = GRID.coarsened(2)
SPEC = InputSpec(image_size=(32, 64), context_size=(8, 16), grid=GRID, bins=DepthBins(1.0, 0.5, 12))
CLASSES = len(SEMANTIC_KITTI)
VOLUME = 8


def planes(volume: int) -> TriPlane:
    return TriPlane(volume, HALF.shape, PlaneEncoder(8, (8, 16)))


def head(volume: int) -> SubvoxelHead:
    return SubvoxelHead(volume, np.array(SEMANTIC_KITTI.frequencies))


def camera() -> L2Cocc:
    encoder = nn.Sequential(ResidualEncoder((4, 8, 8), 1), TopDownNeck((8, 8), 8))
    lift = DepthWeightedLift(HALF, SPEC.bins, SPEC.image_size)
    return L2Cocc(
        ImageBranch(SPEC, encoder, DepthNet(8, 8, 8, SPEC.bins), 8, CLASSES),
        lift,
        MeasuredFusion(8 + lift.extra_channels, VOLUME, HALF.shape),
        VoxelTransformer(VOLUME, 2, 4, 1, 16, SPEC.bins, HALF, SPEC.image_size, context=8),
        ResidualBlock3d(VOLUME),
        planes(VOLUME),
        head(VOLUME),
    )


def lidar(volume: int = VOLUME, grid: SceneGrid = GRID) -> L2CoccLidar:
    spec = replace(SPEC, sensors=(LIDAR,), grid=grid)
    encoder = PointEncoder(HALF, (8,), volume)
    return L2CoccLidar(spec, CLASSES, encoder, ResidualBlock3d(volume), planes(volume), head(volume))


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
