"""Sizes of L2COcc: `edge` for two CPU cores, `full` as published, `full_kitti_360` as published for that data set.

The volume of the `edge` camera has voxels of 0.8 x 0.8 x 0.4 m; in `edge_fine`, and in the `edge` LiDAR model, which
need not be fast to teach, they are cubes of 0.4 m.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from torch import nn

from ssc_ros.core import SEMANTIC_KITTI, SSCBENCH_KITTI_360, LabelSet, SceneGrid
from ssc_ros.networks.backbones.efficientnet import EfficientNet
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck
from ssc_ros.networks.backbones.second_fpn import SecondFpn
from ssc_ros.networks.depth.depth_net import DepthNet
from ssc_ros.networks.depth.geometry_depth import GeometryDepth
from ssc_ros.networks.heads.columns import FOLD, ColumnHead, beside_columns
from ssc_ros.networks.heads.subvoxel import SubvoxelHead
from ssc_ros.networks.heads.upsampled import UpsampledHead
from ssc_ros.networks.lidar.point_encoder import PointEncoder
from ssc_ros.networks.lift.depth_weighted import DepthWeightedLift, ReducedLift
from ssc_ros.networks.lift.splat import SplatLift
from ssc_ros.networks.lift.voxel_transformer import VoxelTransformer
from ssc_ros.networks.volume.blocks import ResidualBlock3d
from ssc_ros.networks.volume.fpn import Fpn3d
from ssc_ros.networks.volume.measured import LabelledFusion, MeasuredFusion
from ssc_ros.networks.volume.residual import ResNet3d
from ssc_ros.networks.volume.swin_planes import SwinPlanes
from ssc_ros.networks.volume.tri_plane import PlaneEncoder, TriPlane
from ssc_ros.systems.l2cocc.network import ImageBranch, L2Cocc, L2CoccLidar, LabelledL2Cocc, SegmentedBranch
from ssc_ros.systems.labelled import FrozenSegmenter, edge_labels, labelled_spec
from ssc_ros.systems.segmenter import presets as segmenter_presets
from ssc_ros.systems.spec import LIDAR, STEREO, InputSpec

EDGE_FEATURES, EDGE_CONTEXT, EDGE_VOLUME = 48, 24, 16
"""Channels of the image features, of what the depth network makes of them, and of the volume."""
EDGE_PLANE, PLANE_LEVELS = 64, (96, 128, 160)
"""Channels of the planes, and of their levels at 1/4, 1/8 and 1/16."""

WIDE_LIFTED, WIDE_COLUMN = 8, 64
"""Channels that are lifted, and of a column."""


def edge_image(spec: InputSpec) -> ImageBranch:
    """A small residual network at stride 4 of a 192 x 640 image."""
    widths = (24, 32, 64, 96, 128)
    return ImageBranch(
        spec,
        encoder=nn.Sequential(ResidualEncoder(widths, blocks=2), TopDownNeck(widths[1:], out_channels=EDGE_FEATURES)),
        depth=DepthNet(features=EDGE_FEATURES, width=EDGE_FEATURES, context=EDGE_CONTEXT, bins=spec.bins),
        context=EDGE_CONTEXT,
        classes=len(SEMANTIC_KITTI),
    )


def edge_planes(shape: tuple[int, int, int]) -> TriPlane:
    """One U-Net for each plane in turn; the one seen from above keeps its height as channels."""
    encoder = PlaneEncoder(width=EDGE_PLANE, widths=PLANE_LEVELS)
    return TriPlane(channels=EDGE_VOLUME, shape=shape, encoder=encoder, slabs=(16, 1, 1))


def wide_planes(shape: tuple[int, int, int]) -> TriPlane:
    """The same for all three side by side, under batch norms."""
    encoder = PlaneEncoder(width=EDGE_PLANE, widths=PLANE_LEVELS, norm=nn.BatchNorm2d)
    return TriPlane(channels=EDGE_VOLUME, shape=shape, encoder=encoder, slabs=(16, 1, 1), side_by_side=True)


def edge_transformer(spec: InputSpec, grid: SceneGrid) -> VoxelTransformer:
    """One layer on the volume of that grid."""
    return VoxelTransformer(
        channels=EDGE_VOLUME,
        heads=2,
        points=4,
        layers=1,
        hidden=32,
        bins=spec.bins,
        grid=grid,
        image_size=spec.image_size,
        context=EDGE_CONTEXT,
    )


def fine_camera() -> L2Cocc:
    """C and D in voxels of 0.4 m: the planes, the trunk and the volumes that FSD and TPVD compare are those of L."""
    spec = InputSpec(sensors=(STEREO,))
    half = spec.grid.coarsened(2)
    lift = DepthWeightedLift(half, spec.bins, spec.image_size)
    return L2Cocc(
        image=edge_image(spec),
        lift=lift,
        fuse=MeasuredFusion(
            in_channels=lift.out_channels(EDGE_CONTEXT), out_channels=EDGE_VOLUME, shape=half.shape, parts=8
        ),
        transformer=edge_transformer(spec, half),
        trunk=ResidualBlock3d(EDGE_VOLUME),
        planes=edge_planes(half.shape),
        head=SubvoxelHead(EDGE_VOLUME, np.array(SEMANTIC_KITTI.frequencies)),
    )


def edge_lidar() -> L2CoccLidar:
    """L for two CPU cores; volume, planes and head as in `fine_camera`, so that it can teach it."""
    spec = InputSpec(sensors=(LIDAR,))
    half = spec.grid.coarsened(2)
    head = SubvoxelHead(EDGE_VOLUME, np.array(SEMANTIC_KITTI.frequencies))
    return small_lidar(spec, half, edge_planes(half.shape), head)


def small_lidar(spec: InputSpec, grid: SceneGrid, planes: TriPlane, head: nn.Module) -> L2CoccLidar:
    """L on a volume of 16 channels: what it reads, the voxels of that volume, its planes, and the head."""
    return L2CoccLidar(
        spec,
        len(SEMANTIC_KITTI),
        encoder=PointEncoder(grid, widths=(32, 64), out_channels=EDGE_VOLUME),
        trunk=nn.Sequential(ResidualBlock3d(EDGE_VOLUME), ResidualBlock3d(EDGE_VOLUME)),
        planes=planes,
        head=head,
    )


def wide_head(shape: tuple[int, int, int], sources: int = 1) -> ColumnHead:
    """Columns of 0.4 m under a volume of that shape, of what so many sensors measure."""
    return ColumnHead(
        channels=EDGE_VOLUME,
        layers=shape[2],
        width=WIDE_COLUMN,
        frequencies=np.array(SEMANTIC_KITTI.frequencies),
        sources=sources,
    )


def edge_camera(*sweep: str) -> L2Cocc:
    """C and D for two CPU cores: a volume of 0.8 x 0.8 x 0.4 m under columns of 0.4 m.

    Args:
        sweep: what it reads of a LiDAR sweep beside the pair, of "lidar_voxels" and "lidar_classes".
    """
    spec = InputSpec(sensors=(STEREO, LIDAR) if sweep else (STEREO,), sweep=sweep)
    half = spec.grid.coarsened(2)
    wide = half.widened(FOLD)
    lift = DepthWeightedLift(half, spec.bins, spec.image_size, width=FOLD)
    sources = 1 + ("lidar_voxels" in sweep)
    return L2Cocc(
        image=edge_image(spec),
        lift=ReducedLift(context=EDGE_CONTEXT, channels=WIDE_LIFTED, lift=lift),
        fuse=MeasuredFusion(
            in_channels=lift.out_channels(WIDE_LIFTED),
            out_channels=EDGE_VOLUME,
            shape=wide.shape,
            parts=2 * FOLD**2 * sources,
            classes=len(SEMANTIC_KITTI) if "lidar_classes" in sweep else 0,
        ),
        transformer=edge_transformer(spec, wide),
        trunk=ResidualBlock3d(EDGE_VOLUME),
        planes=wide_planes(wide.shape),
        head=wide_head(wide.shape, sources),
        arrange=beside_columns,
    )


def labelled_camera() -> LabelledL2Cocc:
    """`edge_camera` with a frozen segmenter, whose classes the measured voxels of stereo and LiDAR get."""
    segmenter = segmenter_presets.edge()
    spec = labelled_spec(segmenter)
    half = spec.grid.coarsened(2)
    wide = half.widened(FOLD)
    lift = DepthWeightedLift(half, spec.bins, spec.image_size, width=FOLD)
    depth = DepthNet(segmenter_presets.EDGE_FEATURES, width=EDGE_FEATURES, context=EDGE_CONTEXT, bins=spec.bins)
    sources = len(spec.sensors)
    return LabelledL2Cocc(
        image=SegmentedBranch(spec, FrozenSegmenter(segmenter), depth),
        lift=ReducedLift(context=EDGE_CONTEXT, channels=WIDE_LIFTED, lift=lift),
        label=edge_labels(spec, segmenter.class_count, EDGE_VOLUME, wide=FOLD),
        fuse=LabelledFusion(
            in_channels=lift.out_channels(WIDE_LIFTED),
            out_channels=EDGE_VOLUME,
            shape=wide.shape,
            parts=2 * FOLD**2 * sources,
        ),
        transformer=edge_transformer(spec, wide),
        trunk=ResidualBlock3d(EDGE_VOLUME),
        planes=wide_planes(wide.shape),
        head=wide_head(wide.shape, sources),
        arrange=beside_columns,
    )


def wide_lidar() -> L2CoccLidar:
    """L; volume, planes and head as in `edge_camera`, so that it can teach it."""
    spec = InputSpec(sensors=(LIDAR,), sweep=("points", "lidar_voxels"))
    wide = spec.grid.coarsened(2).widened(FOLD)
    return small_lidar(spec, wide, wide_planes(wide.shape), wide_head(wide.shape))


FULL = InputSpec(image_size=(384, 1280), context_size=(48, 160), stereo_scale=1.0)
FULL_KITTI_360 = replace(FULL, image_size=(384, 1408), context_size=(48, 176))
FULL_WIDTH = 128
"""Channels of context, volume and planes, of the teacher too: what distillation compares needs no adapter."""


def full_image(spec: InputSpec = FULL, label_set: LabelSet = SEMANTIC_KITTI) -> ImageBranch:
    """EfficientNet-B7 and SECOND's neck at stride 8; blocks are computed again in the backward pass."""
    backbone = EfficientNet("b7", recompute=True)
    neck = SecondFpn(backbone.widths)
    return ImageBranch(
        spec,
        encoder=nn.Sequential(OrderedDict(backbone=backbone, neck=neck)),
        depth=GeometryDepth(features=neck.out_channels, context=FULL_WIDTH, bins=spec.bins, image_size=spec.image_size),
        context=FULL_WIDTH,
        classes=len(label_set),
    )


def full_trunk(blocks: int) -> nn.Sequential:
    """Three levels of so many residual blocks each, merged to the finest."""
    return nn.Sequential(OrderedDict(backbone=ResNet3d(FULL_WIDTH, blocks=blocks), neck=Fpn3d(FULL_WIDTH)))


def full_planes(shape: tuple[int, int, int]) -> TriPlane:
    """One map per plane and one Swin-T for all three."""
    return TriPlane(channels=FULL_WIDTH, shape=shape, encoder=SwinPlanes(FULL_WIDTH))


def full_head(label_set: LabelSet) -> UpsampledHead:
    """Class logits at 0.4 m, which are interpolated."""
    return UpsampledHead(channels=FULL_WIDTH, hidden=64, classes=len(label_set))


def full_camera(spec: InputSpec = FULL, label_set: LabelSet = SEMANTIC_KITTI) -> L2Cocc:
    """C and D as published."""
    half = spec.grid.coarsened(2)
    return L2Cocc(
        image=full_image(spec, label_set),
        lift=SplatLift(half, spec.bins, spec.image_size),
        fuse=None,
        transformer=VoxelTransformer(
            channels=FULL_WIDTH,
            heads=8,
            points=8,
            layers=3,
            hidden=256,
            bins=spec.bins,
            grid=half,
            image_size=spec.image_size,
        ),
        trunk=full_trunk(blocks=1),
        planes=full_planes(half.shape),
        head=full_head(label_set),
    )


def full_lidar(spec: InputSpec = FULL, label_set: LabelSet = SEMANTIC_KITTI) -> L2CoccLidar:
    """L as published."""
    half = spec.grid.coarsened(2)
    return L2CoccLidar(
        replace(spec, sensors=(LIDAR,)),
        len(label_set),
        encoder=PointEncoder(half, widths=(64, 128, 256), out_channels=FULL_WIDTH),
        trunk=full_trunk(blocks=2),
        planes=full_planes(half.shape),
        head=full_head(label_set),
    )


_KITTI_360 = (FULL_KITTI_360, SSCBENCH_KITTI_360)

CAMERA_PRESETS: dict[str, Callable[[], L2Cocc | LabelledL2Cocc]] = {
    "edge_labelled": labelled_camera,
    "edge": edge_camera,
    "edge_fused_raw": partial(edge_camera, "lidar_voxels"),
    "edge_fused": partial(edge_camera, "lidar_voxels", "lidar_classes"),
    "edge_fine": fine_camera,
    "full": full_camera,
    "full_kitti_360": partial(full_camera, *_KITTI_360),
}
LIDAR_PRESETS: dict[str, Callable[[], L2CoccLidar]] = {
    "edge": edge_lidar,
    "edge_wide": wide_lidar,
    "full": full_lidar,
    "full_kitti_360": partial(full_lidar, *_KITTI_360),
}
IMAGE_PRESETS: dict[str, Callable[[], ImageBranch]] = {
    "edge": lambda: edge_image(InputSpec()),
    "full": full_image,
    "full_kitti_360": partial(full_image, *_KITTI_360),
}
