"""L2COcc's three networks in the smallest size that still learns, for any box and image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import nn

from ssc_ros.core import LIDAR, SEMANTIC_KITTI
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck
from ssc_ros.networks.depth.depth_net import DepthNet
from ssc_ros.networks.heads.subvoxel import SubvoxelHead
from ssc_ros.networks.lidar.point_encoder import PointEncoder
from ssc_ros.networks.lift.depth_weighted import DepthWeightedLift
from ssc_ros.networks.lift.voxel_transformer import VoxelTransformer
from ssc_ros.networks.volume.blocks import ResidualBlock3d
from ssc_ros.networks.volume.measured import MeasuredFusion
from ssc_ros.networks.volume.tri_plane import PlaneEncoder, TriPlane
from ssc_ros.systems import InputSpec
from ssc_ros.systems.l2cocc.network import ImageBranch, L2Cocc, L2CoccLidar

CLASSES = len(SEMANTIC_KITTI)
CONTEXT = VOLUME = 8


def image(spec: InputSpec) -> ImageBranch:
    encoder = nn.Sequential(ResidualEncoder((8, 8, 8, 16, 16), 1), TopDownNeck((8, 8, 16, 16), 16))
    return ImageBranch(spec, encoder, DepthNet(16, 16, CONTEXT, spec.bins), CONTEXT, CLASSES)


def camera(spec: InputSpec) -> L2Cocc:
    half = spec.grid.coarsened(2)
    lift = DepthWeightedLift(half, spec.bins, spec.image_size)
    parts = 8 * (1 + ("lidar_voxels" in spec.sweep))
    classes = CLASSES if "lidar_classes" in spec.sweep else 0
    return L2Cocc(
        image=image(spec),
        lift=lift,
        fuse=MeasuredFusion(lift.out_channels(CONTEXT), VOLUME, half.shape, parts, classes),
        transformer=VoxelTransformer(VOLUME, 2, 4, 1, 16, spec.bins, half, spec.image_size, context=CONTEXT),
        trunk=ResidualBlock3d(VOLUME),
        planes=planes(spec, VOLUME),
        head=head(VOLUME),
    )


def lidar(spec: InputSpec, volume: int = VOLUME) -> L2CoccLidar:
    return L2CoccLidar(
        replace(spec, sensors=(LIDAR,)),
        CLASSES,
        encoder=PointEncoder(spec.grid.coarsened(2), (16,), volume),
        trunk=ResidualBlock3d(volume),
        planes=planes(spec, volume),
        head=head(volume),
    )


def planes(spec: InputSpec, volume: int) -> TriPlane:
    return TriPlane(volume, spec.grid.coarsened(2).shape, PlaneEncoder(16, (16, 16)), slabs=(4, 1, 1))


def head(volume: int) -> SubvoxelHead:
    return SubvoxelHead(volume, np.array(SEMANTIC_KITTI.frequencies))
