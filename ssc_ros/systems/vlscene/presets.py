"""Sizes of VLScene: `edge` for two CPU cores, `full` as published, `full_kitti_360` for that data set."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from torch import nn

from ssc_ros.core import SEMANTIC_KITTI, SSCBENCH_KITTI_360, LabelSet
from ssc_ros.networks.backbones.fpn import Fpn
from ssc_ros.networks.backbones.pair import SeparateFeatures, SharedFeatures
from ssc_ros.networks.backbones.repvit import ConvNorm, RepViT, block, repvit_m2_3
from ssc_ros.networks.backbones.residual import TopDownNeck
from ssc_ros.networks.depth.camera_aware import CameraAwareDepth
from ssc_ros.networks.depth.interaction import PlainDepth, PlainInteraction, VolumeInteraction
from ssc_ros.networks.depth.stereo_volume import FineMatching, StereoVolume
from ssc_ros.networks.heads.enlarged import EnlargedHead
from ssc_ros.networks.heads.subvoxel import SubvoxelHead
from ssc_ros.networks.lift.depth_weighted import DepthWeightedLift
from ssc_ros.networks.lift.splat import SplatLift
from ssc_ros.networks.sparse.unet import SparseUNet, repeated
from ssc_ros.networks.volume.blocks import Pointwise3d, conv_group_norm_3d
from ssc_ros.networks.volume.measured import PlacedFusion
from ssc_ros.networks.volume.propagation import AxialPropagation, GeometryPropagation
from ssc_ros.networks.volume.sdb import SemanticDiffusion
from ssc_ros.networks.volume.sparse_interaction import SparseInteraction
from ssc_ros.systems.labelled import SIGHTED, FrozenSegmenter, edge_labels, labelled_spec
from ssc_ros.systems.segmenter import presets as segmenter_presets
from ssc_ros.systems.spec import InputSpec
from ssc_ros.systems.vlscene.labelled import LabelledVlScene, SegmentedPair
from ssc_ros.systems.vlscene.network import StereoBranch, VlScene

PAIR = ("right", "focal_baseline")
"""The network matches the pair itself."""

EDGE = InputSpec(pair=PAIR)
EDGE_FEATURES, EDGE_MATCHED, EDGE_CONTEXT, EDGE_VOLUME = 48, 16, 16, 16
EDGE_FRACTION = 0.08
"""Of the voxels, for sparse interaction: as many as are occupied in a street."""


def edge_image() -> StereoBranch:
    """A small RepViT; matching at stride 2."""
    bins = EDGE.bins
    backbone = RepViT(widths=(32, 64, 128, 192), blocks=(2, 3, 6, 2))
    neck = TopDownNeck(backbone.widths, out_channels=EDGE_FEATURES)
    encoder = nn.Sequential(OrderedDict(backbone=backbone, neck=neck))
    matcher = nn.Sequential(ConvNorm(3, EDGE_MATCHED, kernel=3, stride=2), nn.GELU(), block(EDGE_MATCHED, gate=False))
    return StereoBranch(
        EDGE,
        classes=len(SEMANTIC_KITTI),
        context=EDGE_CONTEXT,
        pair=SeparateFeatures(encoder, matcher),
        mono=PlainDepth(features=EDGE_FEATURES, context=EDGE_CONTEXT, bins=bins.count),
        stereo=FineMatching(features=EDGE_MATCHED, bins=bins, image_size=EDGE.image_size, scale=2, width=EDGE_MATCHED),
        interaction=PlainInteraction(bins=bins.count, width=EDGE_FEATURES),
    )


def edge(*, propagation: bool = True, semantics: bool = True, fraction: float = EDGE_FRACTION) -> VlScene:
    """For two CPU cores: image cells of stride 4, matching at stride 2, volumes of 16 channels."""
    half = EDGE.grid.coarsened(2)
    lift = DepthWeightedLift(half, EDGE.bins, EDGE.image_size)
    paths, exits = repeated(units=1)
    unet = SparseUNet(
        in_channels=EDGE_VOLUME, widths=(EDGE_VOLUME, EDGE_VOLUME, 2 * EDGE_VOLUME), paths=paths, exits=exits
    )
    merge = nn.Linear(unet.out_channels, EDGE_VOLUME)
    return VlScene(
        edge_image(),
        lift=lift,
        entry=PlacedFusion(in_channels=lift.out_channels(EDGE_CONTEXT), out_channels=EDGE_VOLUME, shape=half.shape),
        propagation=AxialPropagation(EDGE_VOLUME) if propagation else None,
        semantics=SparseInteraction(unet, fraction=fraction, merge=merge) if semantics else None,
        head=SubvoxelHead(EDGE_VOLUME, np.array(SEMANTIC_KITTI.frequencies)),
    )


def labelled_edge() -> LabelledVlScene:
    """`edge` with a frozen segmenter, whose classes the measured voxels of stereo and LiDAR get."""
    segmenter = segmenter_presets.edge()
    spec = labelled_spec(segmenter, pair=(*PAIR, "stereo_sightings"), sweep=SIGHTED)
    like = edge()
    features, bins = segmenter_presets.EDGE_FEATURES, spec.bins
    assert isinstance(like.image.pair, SeparateFeatures)
    assert like.propagation is not None
    assert like.semantics is not None
    image = SegmentedPair(
        spec,
        segmenter=FrozenSegmenter(segmenter),
        matcher=like.image.pair.matcher,
        mono=PlainDepth(features=features, context=EDGE_CONTEXT, bins=bins.count),
        stereo=like.image.stereo,
        interaction=like.image.interaction,
    )
    return LabelledVlScene(
        image,
        lift=like.lift,
        entry=like.entry,
        label=edge_labels(spec, segmenter.class_count, EDGE_VOLUME),
        propagation=like.propagation,
        semantics=like.semantics,
        head=like.head,
    )


FULL = InputSpec(image_size=(384, 1280), context_size=(48, 160), pair=PAIR)
FULL_KITTI_360 = replace(FULL, image_size=(384, 1408), context_size=(48, 176))
FULL_CONTEXT, FULL_VOLUME = 128, 64
FULL_FRACTION = 0.15
"""Of the voxels; the published network takes all that are not zero, 76 % of them."""


def full_image(spec: InputSpec = FULL, label_set: LabelSet = SEMANTIC_KITTI) -> StereoBranch:
    """RepViT-M2.3 of both images, correlation of their features."""
    bins = spec.bins
    backbone = repvit_m2_3()
    neck = Fpn(backbone.widths, out_channels=FULL_CONTEXT, start=1)
    encoder = nn.Sequential(OrderedDict(backbone=backbone, neck=neck))
    return StereoBranch(
        spec,
        classes=len(label_set),
        context=FULL_CONTEXT,
        pair=SharedFeatures(encoder),
        mono=CameraAwareDepth(features=FULL_CONTEXT, context=FULL_CONTEXT, bins=bins.count, width=FULL_CONTEXT),
        stereo=StereoVolume(features=FULL_CONTEXT, bins=bins, image_size=spec.image_size, width=64, groups=32),
        interaction=VolumeInteraction(bins.count),
    )


def full(
    spec: InputSpec = FULL,
    label_set: LabelSet = SEMANTIC_KITTI,
    *,
    propagation: bool = True,
    semantics: bool = True,
    fraction: float = FULL_FRACTION,
) -> VlScene:
    """As published, of what runs at inference."""
    half = spec.grid.coarsened(2)
    paths, exits = repeated(units=2)
    unet = SparseUNet(
        in_channels=FULL_VOLUME, widths=(FULL_VOLUME, 2 * FULL_VOLUME, 4 * FULL_VOLUME), paths=paths, exits=exits
    )
    seen = unet.out_channels if semantics else FULL_VOLUME
    return VlScene(
        full_image(spec, label_set),
        lift=SplatLift(half, spec.bins, spec.image_size),
        entry=nn.Sequential(Pointwise3d(FULL_CONTEXT, FULL_VOLUME, bias=False), nn.ReLU(inplace=True)),
        propagation=GeometryPropagation(FULL_VOLUME) if propagation else None,
        semantics=SparseInteraction(unet, fraction=fraction) if semantics else None,
        head=nn.Sequential(
            OrderedDict(
                reduce=conv_group_norm_3d(seen, FULL_CONTEXT),
                diffusion=SemanticDiffusion(FULL_CONTEXT, FULL_VOLUME, depth=2),
                classes=EnlargedHead(FULL_VOLUME, classes=len(label_set)),
            )
        ),
    )


PRESETS: dict[str, Callable[[], VlScene | LabelledVlScene]] = {
    "edge": edge,
    "edge_labelled": labelled_edge,
    "edge_without_ngp": partial(edge, propagation=False),
    "edge_without_ssi": partial(edge, semantics=False),
    "edge_all_voxels": partial(edge, fraction=1.0),
    "full": full,
    "full_kitti_360": partial(full, FULL_KITTI_360, SSCBENCH_KITTI_360),
}
IMAGE_PRESETS: dict[str, Callable[[], StereoBranch]] = {
    "edge": edge_image,
    "full": full_image,
    "full_kitti_360": partial(full_image, FULL_KITTI_360, SSCBENCH_KITTI_360),
}
