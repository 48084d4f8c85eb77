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
from ssc_ros.networks.volume.measured import MeasuredFusion
from ssc_ros.networks.volume.pyramid import SecondFpn3d, WideningResNet3d
from ssc_ros.systems.htcl.network import Htcl, MatchedDepth, PairMatcher, TemporalContext, Trunk
from ssc_ros.systems.spec import History, InputSpec

EDGE = InputSpec()
EDGE_HISTORY = History(count=2, interval=0.5)
EDGE_STRIDE = 4
EDGE_CONTEXT, EDGE_LIFTED, EDGE_VOLUME, EDGE_COLUMN = 24, 8, 16, 64
EDGE_KEPT, EDGE_SWEPT = 16, 4
"""Channels that are remembered of a frame, and those that are swept."""
EDGE_PLANES = DepthBins(2.5, 3.0, 19)
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
    spec = replace(EDGE, history=EDGE_HISTORY) if temporal else EDGE
    sources = 1
    if temporal and measured:
        history = replace(EDGE_HISTORY, measured=True)
        spec, sources = replace(spec, history=history, pair=(*EDGE.pair, "stereo_points")), 2
    half, classes = spec.grid.coarsened(2), len(SEMANTIC_KITTI)
    wide = half.widened(FOLD)
    widths, features = (24, 32, 64, 96, 128), 48
    lift = DepthWeightedLift(half, spec.bins, spec.image_size, FOLD)
    neck = SecondFpn3d(EDGE_LEVELS, EDGE_LEVEL)
    trunk = Trunk(WideningResNet3d(neck.outputs, EDGE_LEVELS, blocks=1), neck)
    return Htcl(
        spec,
        classes,
        encoder=nn.Sequential(ResidualEncoder(widths, 2), TopDownNeck(widths[1:], features)),
        matcher=None,
        depth=DepthNet(features, features, EDGE_CONTEXT, spec.bins),
        lift=ReducedLift(EDGE_CONTEXT, EDGE_LIFTED, lift),
        fuse=MeasuredFusion(lift.outputs(EDGE_LIFTED), EDGE_VOLUME, wide.shape, 2 * FOLD**2 * sources),
        trunk=Coarsened(trunk, EDGE_VOLUME, EDGE_VOLUME, neck.outputs, fold=(1, 1, 2)),
        temporal=TemporalContext(
            conv_norm(features, EDGE_KEPT, relu=False),
            _edge_affinity(spec, neck.outputs) if temporal == "affinity" else _edge_mean(spec, neck.outputs),
            TemporalFusion(neck.outputs),
            nn.Sequential(
                nn.ConvTranspose3d(neck.outputs, EDGE_LIFTED, 2, stride=2), EnlargedHead(EDGE_LIFTED, classes)
            ),
        )
        if temporal
        else None,
        head=ColumnHead(EDGE_VOLUME, wide.shape[2], EDGE_COLUMN, np.array(SEMANTIC_KITTI.frequencies), sources),
        arrange=beside_columns,
    )


def _edge_affinity(spec: InputSpec, outputs: int) -> TemporalBranch:
    """HTCL's branch; its volume has the resolution of the trunk."""
    quarter, swept = spec.grid.coarsened(4), EDGE_SWEPT * spec.history.count
    return TemporalBranch(
        EDGE_PLANES,
        EDGE_CELLS,
        spec.image_size,
        EDGE_KEPT,
        reduce=nn.Conv2d(EDGE_KEPT, EDGE_SWEPT, 1, bias=False),
        affinity=CrossFrameAffinity(EDGE_KEPT, swept, width=4, learner=of_planes),
        refinement=DynamicRefinement(swept, width=8, steps=1, planes=1),
        frustum=nn.Sequential(
            PlaneConv3d(swept, EDGE_VOLUME),
            nn.ReLU(inplace=True),
            AxialConv3d(EDGE_VOLUME, 3, axis=0, bias=False),
            nn.BatchNorm3d(EDGE_VOLUME),
            nn.ReLU(inplace=True),
        ),
        lift=FrustumSampling(quarter, EDGE_PLANES, spec.image_size),
        beyond=BeyondView(LineOfSightLift(quarter, spec.image_size, EDGE_STRIDE), EDGE_KEPT, EDGE_VOLUME),
        volume=_edge_completion(EDGE_VOLUME, outputs),
    )


def _edge_mean(spec: InputSpec, outputs: int) -> HistoryMean:
    lift = LineOfSightLift(spec.grid.coarsened(4), spec.image_size, EDGE_STRIDE)
    return HistoryMean(lift, _edge_completion(EDGE_KEPT, outputs))


def _edge_completion(inputs: int, outputs: int, width: int = EDGE_VOLUME) -> nn.Sequential:
    return nn.Sequential(conv_norm_3d(inputs, width), nn.Conv3d(width, outputs, 3, padding=1))


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
    merged = SecondFpn3d(FULL_LEVELS, FULL_CONTEXT, norm=group_norm_32)
    widths = (FULL_MATCHED, FULL_MATCHED, 2 * FULL_MATCHED, 4 * FULL_MATCHED)
    return Htcl(
        spec,
        len(label_set),
        encoder=nn.Sequential(OrderedDict(backbone=backbone, neck=neck)),
        matcher=PairMatcher(
            nn.Sequential(ResidualEncoder(widths), TopDownNeck(widths[1:], FULL_MATCHED)),
            StereoVolume(FULL_MATCHED, bins, size, width=2 * FULL_MATCHED, scale=2),
        ),
        depth=MatchedDepth(
            CameraAwareDepth(neck.outputs, FULL_CONTEXT, bins.count, width=neck.outputs), HourglassInteraction(), size
        ),
        lift=SplatLift(half, bins, size),
        fuse=None,
        trunk=Trunk(WideningResNet3d(FULL_CONTEXT, FULL_LEVELS, norm=group_norm_32), merged),
        temporal=TemporalContext(
            nn.Sequential(ResNet(18, stages=1), Finest()),
            _full_branch(spec, merged.outputs),
            TemporalFusion(merged.outputs),
            of_image=True,
        ),
        head=UpsampledHead(merged.outputs, merged.outputs // 2, len(label_set)),
    )


def _full_branch(spec: InputSpec, outputs: int) -> TemporalBranch:
    matched, past, wide = 64, spec.history.count, 64
    return TemporalBranch(
        spec.bins,
        spec.context_size,
        spec.image_size,
        kept=1,
        reduce=nn.Identity(),
        affinity=CrossFrameAffinity(matched, past),
        refinement=DynamicRefinement(past),
        frustum=_reasoning(past, wide),
        lift=FrustumSplat(spec.grid.coarsened(2), spec.bins, spec.image_size),
        beyond=None,
        volume=_reasoning(wide, outputs),
    )


def _reasoning(inputs: int, outputs: int, width: int = 32) -> nn.Sequential:
    """Convolution, hourglass and two convolutions: [B, inputs, ...] -> [B, outputs, ...] of the same size."""
    return nn.Sequential(
        conv_group_norm(3, inputs, width),
        nn.ReLU(inplace=True),
        Hourglass(3, width),
        conv_group_norm(3, width, 2 * width),
        nn.ReLU(inplace=True),
        nn.Conv3d(2 * width, outputs, 3, padding=1, bias=False),
    )


PRESETS: dict[str, Callable[[], Htcl]] = {
    "edge": edge,
    "edge_images": partial(edge, measured=False),
    "edge_mean": partial(edge, "mean"),
    "edge_single": partial(edge, None),
    "full": full,
    "full_kitti_360": partial(full, FULL_KITTI_360, SSCBENCH_KITTI_360),
}
