"""Sizes of HTCL: `full` as published, `full_kitti_360` for that data set, `edge` for two CPU cores and its variants."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from torch import Tensor, nn

from ssc_ros.core import SEMANTIC_KITTI, SSCBENCH_KITTI_360, DepthBins, LabelSet
from ssc_ros.networks.backbones.efficientnet import EfficientNet
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck, conv_norm
from ssc_ros.networks.backbones.resnet import ResNet
from ssc_ros.networks.backbones.second_fpn import SecondFpn
from ssc_ros.networks.depth.camera_aware import CameraAwareDepth
from ssc_ros.networks.depth.depth_net import DepthNet
from ssc_ros.networks.depth.hourglass import Hourglass, conv_group_norm
from ssc_ros.networks.depth.interaction import HourglassInteraction
from ssc_ros.networks.depth.stereo_volume import StereoVolume
from ssc_ros.networks.heads.columns import FOLD, ColumnHead, beside_columns
from ssc_ros.networks.heads.enlarged import EnlargedHead
from ssc_ros.networks.heads.upsampled import UpsampledHead
from ssc_ros.networks.lift.depth_weighted import DepthWeightedLift, ReducedLift
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.networks.lift.frustum_sampling import FrustumSampling
from ssc_ros.networks.lift.splat import FrustumSplat, SplatLift
from ssc_ros.networks.temporal.affinity import CrossFrameAffinity, of_planes
from ssc_ros.networks.temporal.branch import BeyondView, HistoryMean, TemporalBranch
from ssc_ros.networks.temporal.fusion import TemporalFusion
from ssc_ros.networks.temporal.refinement import DynamicRefinement
from ssc_ros.networks.volume.blocks import AxialConv3d, PlaneConv3d, conv_norm_3d, group_norm_32
from ssc_ros.networks.volume.coarsened import Coarsened
from ssc_ros.networks.volume.measured import LabelledFusion, MeasuredFusion
from ssc_ros.networks.volume.pyramid import SecondFpn3d, WideningResNet3d
from ssc_ros.systems.htcl.labelled import LabelledHtcl
from ssc_ros.systems.htcl.network import Htcl, MatchedDepth, PairMatcher, TemporalContext, Trunk
from ssc_ros.systems.labelled import PAIR, FrozenSegmenter, edge_labels, labelled_spec
from ssc_ros.systems.segmenter import presets as segmenter_presets
from ssc_ros.systems.spec import History, InputSpec

EDGE = InputSpec()
EDGE_HISTORY = History(count=2, interval=0.5)
EDGE_STRIDE = 4
EDGE_CONTEXT, EDGE_LIFTED, EDGE_VOLUME, EDGE_COLUMN = 24, 8, 16, 64
EDGE_KEPT, EDGE_SWEPT = 16, 4
"""Channels that are remembered of a frame, and those that are swept."""
EDGE_PLANES = DepthBins(first=2.5, step=3.0, count=19)
"""Of the sweep, over the range of the depth bins."""
EDGE_CELLS = (24, 80)
"""Of the sweep, half as many each way as the image has."""
EDGE_LEVELS, EDGE_LEVEL = (32, 64, 96), 16
"""Channels of the levels of the trunk, which begins at voxels of 0.8 m, and what each contributes."""


def edge(temporal: Literal["affinity", "mean"] | None = "affinity", *, measured: bool = True) -> Htcl:
    """For two CPU cores; image and depth are those of `l2cocc_image edge`, so that its weights fit.

    Args:
        temporal: how past frames are read: HTCL's way, averaged (SGN's way), or not at all.
        measured: whether what past pairs have measured is read too.
    """
    spec = _edge_spec(past=temporal is not None, measured=measured)
    sources = 1 + spec.history.measured
    half, classes = spec.grid.coarsened(2), len(SEMANTIC_KITTI)
    wide = half.widened(FOLD)
    widths, features = (24, 32, 64, 96, 128), 48
    lift = DepthWeightedLift(half, spec.bins, spec.image_size, width=FOLD)
    neck = SecondFpn3d(in_channels=EDGE_LEVELS, width=EDGE_LEVEL)
    backbone = WideningResNet3d(in_channels=neck.out_channels, widths=EDGE_LEVELS, blocks=1)
    return Htcl(
        spec,
        classes,
        encoder=nn.Sequential(ResidualEncoder(widths, blocks=2), TopDownNeck(widths[1:], out_channels=features)),
        matcher=None,
        depth=DepthNet(features=features, width=features, context=EDGE_CONTEXT, bins=spec.bins),
        lift=ReducedLift(context=EDGE_CONTEXT, channels=EDGE_LIFTED, lift=lift),
        fuse=MeasuredFusion(
            in_channels=lift.out_channels(EDGE_LIFTED),
            out_channels=EDGE_VOLUME,
            shape=wide.shape,
            parts=2 * FOLD**2 * sources,
        ),
        trunk=Coarsened(
            body=Trunk(backbone, neck),
            in_channels=EDGE_VOLUME,
            out_channels=EDGE_VOLUME,
            width=neck.out_channels,
            fold=(1, 1, 2),
        ),
        temporal=_edge_temporal(spec, temporal, features, neck.out_channels) if temporal else None,
        head=_edge_head(wide.shape[2], sources),
        arrange=beside_columns,
    )


def labelled_edge() -> LabelledHtcl:
    """`edge` with a frozen segmenter, whose classes the measured voxels of stereo, LiDAR and past pairs get."""
    segmenter = segmenter_presets.edge()
    spec = replace(
        labelled_spec(segmenter, pair=(*PAIR, "stereo_points")),
        history=replace(EDGE_HISTORY, measured=True, sighted=True),
    )
    half, features, sources = spec.grid.coarsened(2), segmenter_presets.EDGE_FEATURES, 3
    wide = half.widened(FOLD)
    lift = DepthWeightedLift(half, spec.bins, spec.image_size, width=FOLD)
    like = edge()
    return LabelledHtcl(
        spec,
        segmenter=FrozenSegmenter(segmenter),
        depth=DepthNet(features=features, width=48, context=EDGE_CONTEXT, bins=spec.bins),
        lift=ReducedLift(context=EDGE_CONTEXT, channels=EDGE_LIFTED, lift=lift),
        label=edge_labels(spec, segmenter.class_count, EDGE_VOLUME, wide=FOLD, sensors=sources),
        fuse=LabelledFusion(
            in_channels=lift.out_channels(EDGE_LIFTED),
            out_channels=EDGE_VOLUME,
            shape=wide.shape,
            parts=2 * FOLD**2 * sources,
        ),
        trunk=like.trunk,
        temporal=_edge_temporal(spec, "affinity", features, 3 * EDGE_LEVEL),
        head=_edge_head(wide.shape[2], sources),
        arrange=beside_columns,
        kept=EDGE_KEPT,
    )


def _edge_head(layers: int, sources: int) -> ColumnHead:
    """Of a volume of so many layers, beside what so many sources have measured."""
    return ColumnHead(EDGE_VOLUME, layers, EDGE_COLUMN, np.array(SEMANTIC_KITTI.frequencies), sources)


def _edge_spec(*, past: bool, measured: bool) -> InputSpec:
    """With past frames or not; `measured`, with what their pairs have measured."""
    if not past:
        return EDGE
    if not measured:
        return replace(EDGE, history=EDGE_HISTORY)
    return replace(EDGE, history=replace(EDGE_HISTORY, measured=True), pair=(*EDGE.pair, "stereo_points"))


def _edge_temporal(
    spec: InputSpec, way: Literal["affinity", "mean"], features: int, out_channels: int
) -> TemporalContext:
    """Past frames of so many image features, for a trunk whose neck has so many channels."""
    return TemporalContext(
        matching=conv_norm(features, EDGE_KEPT, relu=False),
        branch=_edge_affinity(spec, out_channels) if way == "affinity" else _edge_mean(spec, out_channels),
        fusion=TemporalFusion(out_channels),
        head=nn.Sequential(
            nn.ConvTranspose3d(out_channels, EDGE_LIFTED, kernel_size=2, stride=2),
            EnlargedHead(EDGE_LIFTED, classes=len(SEMANTIC_KITTI)),
        ),
    )


def _edge_affinity(spec: InputSpec, out_channels: int) -> TemporalBranch:
    """HTCL's branch; its volume has the resolution of the trunk."""
    quarter, swept = spec.grid.coarsened(4), EDGE_SWEPT * spec.history.count
    return TemporalBranch(
        planes=EDGE_PLANES,
        size=EDGE_CELLS,
        image_size=spec.image_size,
        kept=EDGE_KEPT,
        reduce=nn.Conv2d(EDGE_KEPT, EDGE_SWEPT, kernel_size=1, bias=False),
        affinity=CrossFrameAffinity(matched=EDGE_KEPT, swept=swept, width=4, learner=of_planes),
        refinement=DynamicRefinement(swept, width=8, steps=1, planes=1),
        frustum=nn.Sequential(
            PlaneConv3d(swept, EDGE_VOLUME),
            nn.ReLU(inplace=True),
            AxialConv3d(EDGE_VOLUME, kernel=3, axis=0, bias=False),
            nn.BatchNorm3d(EDGE_VOLUME),
            nn.ReLU(inplace=True),
        ),
        lift=FrustumSampling(quarter, EDGE_PLANES, spec.image_size),
        beyond=BeyondView(
            lift=LineOfSightLift(quarter, spec.image_size, stride=EDGE_STRIDE),
            channels=EDGE_KEPT,
            out_channels=EDGE_VOLUME,
        ),
        volume=_two_convolutions(EDGE_VOLUME, out_channels),
    )


def _edge_mean(spec: InputSpec, out_channels: int) -> HistoryMean:
    """SGN's way, in its place."""
    lift = LineOfSightLift(spec.grid.coarsened(4), spec.image_size, stride=EDGE_STRIDE)
    return HistoryMean(lift, _two_convolutions(EDGE_KEPT, out_channels))


def _two_convolutions(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        conv_norm_3d(in_channels, EDGE_VOLUME), nn.Conv3d(EDGE_VOLUME, out_channels, kernel_size=3, padding=1)
    )


FULL = InputSpec(
    image_size=(384, 1280),
    context_size=(48, 160),
    pair=("right", "focal_baseline"),
    history=History(count=3, interval=0.5),
)
FULL_KITTI_360 = replace(FULL, image_size=(384, 1408), context_size=(48, 176))
FULL_CONTEXT = 128
FULL_MATCHED = 32
"""Channels by which the pair is matched, at stride 4."""
FULL_LEVELS = (128, 256, 512)


class Finest(nn.Module):
    """The first level of a pyramid."""

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Choose it."""
        return pyramid[0]


def full(spec: InputSpec = FULL, label_set: LabelSet = SEMANTIC_KITTI) -> Htcl:
    """As published, but for the matcher of the pair, and poses that are measured."""
    half, bins, size = spec.grid.coarsened(2), spec.bins, spec.image_size
    backbone = EfficientNet("b7", recompute=True)
    neck = SecondFpn(backbone.widths)
    merged = SecondFpn3d(in_channels=FULL_LEVELS, width=FULL_CONTEXT, norm=group_norm_32)
    widths = (FULL_MATCHED, FULL_MATCHED, 2 * FULL_MATCHED, 4 * FULL_MATCHED)
    return Htcl(
        spec,
        len(label_set),
        encoder=nn.Sequential(OrderedDict(backbone=backbone, neck=neck)),
        matcher=PairMatcher(
            features=nn.Sequential(
                ResidualEncoder(widths, blocks=2), TopDownNeck(widths[1:], out_channels=FULL_MATCHED)
            ),
            volume=StereoVolume(
                features=FULL_MATCHED, bins=bins, image_size=size, width=2 * FULL_MATCHED, groups=32, scale=2
            ),
        ),
        depth=MatchedDepth(
            mono=CameraAwareDepth(
                features=neck.out_channels, context=FULL_CONTEXT, bins=bins.count, width=neck.out_channels
            ),
            interaction=HourglassInteraction(width=32),
            image_size=size,
        ),
        lift=SplatLift(half, bins, size),
        fuse=None,
        trunk=Trunk(
            backbone=WideningResNet3d(in_channels=FULL_CONTEXT, widths=FULL_LEVELS, blocks=2, norm=group_norm_32),
            neck=merged,
        ),
        temporal=TemporalContext(
            matching=nn.Sequential(ResNet(18, stages=1), Finest()),
            branch=_full_branch(spec, merged.out_channels),
            fusion=TemporalFusion(merged.out_channels),
            of_image=True,
        ),
        head=UpsampledHead(channels=merged.out_channels, hidden=merged.out_channels // 2, classes=len(label_set)),
    )


def _full_branch(spec: InputSpec, out_channels: int) -> TemporalBranch:
    past, wide = spec.history.count, 64
    return TemporalBranch(
        planes=spec.bins,
        size=spec.context_size,
        image_size=spec.image_size,
        kept=1,
        reduce=nn.Identity(),
        affinity=CrossFrameAffinity(matched=64, swept=past),
        refinement=DynamicRefinement(past, width=8, steps=3),
        frustum=_reasoning(past, wide),
        lift=FrustumSplat(spec.grid.coarsened(2), spec.bins, spec.image_size),
        beyond=None,
        volume=_reasoning(wide, out_channels),
    )


def _reasoning(in_channels: int, out_channels: int, width: int = 32) -> nn.Sequential:
    """Convolution, hourglass and two convolutions: [B, in_channels, ...] -> [B, out_channels, ...] of the same size."""
    return nn.Sequential(
        conv_group_norm(3, in_channels, width),
        nn.ReLU(inplace=True),
        Hourglass(3, width),
        conv_group_norm(3, width, 2 * width),
        nn.ReLU(inplace=True),
        nn.Conv3d(2 * width, out_channels, kernel_size=3, padding=1, bias=False),
    )


PRESETS: dict[str, Callable[[], Htcl | LabelledHtcl]] = {
    "edge_labelled": labelled_edge,
    "edge": edge,
    "edge_images": partial(edge, measured=False),
    "edge_mean": partial(edge, "mean"),
    "edge_single": partial(edge, None),
    "full": full,
    "full_kitti_360": partial(full, FULL_KITTI_360, SSCBENCH_KITTI_360),
}
