"""Sizes of SGN: T, S and L as published, `edge` for two CPU cores, and `edge` without one guidance or both."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from torch import nn

from ssc_ros.core import SEMANTIC_KITTI, SSCBENCH_KITTI_360, LabelSet
from ssc_ros.networks.backbones.fpn import Fpn
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck
from ssc_ros.networks.backbones.resnet import ResNet
from ssc_ros.networks.guidance.bird_eye import BirdEyeUNet, OccupancyHead
from ssc_ros.networks.guidance.geometry import GeometryHead, ProposalNetwork
from ssc_ros.networks.guidance.points import PointEvidence
from ssc_ros.networks.guidance.semantic import SemanticGuidance
from ssc_ros.networks.heads.enlarged import EnlargedHead
from ssc_ros.networks.heads.subvoxel import SubvoxelHead
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.networks.volume.blocks import Pointwise3d, conv_norm_3d
from ssc_ros.networks.volume.coarsened import Coarsened
from ssc_ros.networks.volume.sdb import SemanticDiffusion
from ssc_ros.systems.sgn.network import GeometryGuidance, Sgn
from ssc_ros.systems.spec import History, InputSpec

POINTS = ("stereo_points",)
DISCARDED = {"full_t": 14_964_736, "full_s": 14_964_736, "full_l": 8_393_728}
"""Preset -> parameters of the last ResNet stage, which the published code builds and runs, and whose output it
discards. The published 28.2 M and 12.5 M include them; here they do not exist."""

FULL = InputSpec(image_size=(370, 1220), context_size=(24, 77), stereo_scale=1.0, pair=POINTS)
FULL_KITTI_360 = replace(FULL, image_size=(376, 1408), context_size=(24, 88))
FULL_STRIDE = 16
FULL_INTERVAL = 0.3
"""Between past frames [s]: every third of the 10 Hz drives."""


def full(
    resnet: int, channels: int, depth: int, past: int, spec: InputSpec = FULL, label_set: LabelSet = SEMANTIC_KITTI
) -> Sgn:
    """A published network.

    Args:
        resnet: variant of the ResNet.
        channels: of features and volume.
        depth: anisotropic blocks of the diffusion.
        past: how many past frames it reads.
        spec: of its inputs, but for those.
        label_set: whose classes it tells apart.
    """
    spec = replace(spec, history=History(past, FULL_INTERVAL)) if past else spec
    half = spec.grid.coarsened(2)
    backbone = ResNet(resnet, stages=3)
    encoder = nn.Sequential(OrderedDict(backbone=backbone, neck=Fpn(backbone.widths, channels, start=2)))
    guidance = OccupancyHead()
    return Sgn(
        spec,
        len(label_set),
        encoder,
        LineOfSightLift(half, spec.image_size, FULL_STRIDE),
        nn.Conv3d(channels, channels, 3, padding=1),
        GeometryGuidance(
            GeometryHead(
                SemanticDiffusion(channels, channels // 2, depth=1), nn.Conv3d(channels // 2, 1, 3, padding=1)
            ),
            ProposalNetwork(PointEvidence(spec.grid), BirdEyeUNet(spec.grid.shape[2]), guidance),
        ),
        SemanticGuidance(channels, len(label_set)),
        SemanticDiffusion(channels + guidance.channels, channels // 2, depth),
        EnlargedHead(channels // 2, len(label_set)),
    )


EDGE = InputSpec(pair=POINTS)
EDGE_HISTORY = History(count=2, interval=0.5)
EDGE_CHANNELS = 16
"""Of features, of all volumes and of what guides them: convolutions with fewer are no faster on a CPU."""
EDGE_STRIDE = 4
EDGE_WIDTH = 32
"""Channels of the diffusion, which works at half the volume's resolution."""


def edge(*, past: bool = False, geometry: bool = True, semantics: bool = True) -> Sgn:
    """A network for two CPU cores.

    Args:
        past: read two past frames, 0.5 s apart.
        geometry, semantics: have that guidance.
    """
    spec = replace(EDGE, history=EDGE_HISTORY) if past else EDGE
    half, classes = spec.grid.coarsened(2), len(SEMANTIC_KITTI)
    widths = (24, 32, 64, 96, 128)
    encoder = nn.Sequential(ResidualEncoder(widths, 2), TopDownNeck(widths[1:], EDGE_CHANNELS))
    guidance = OccupancyHead(EDGE_CHANNELS, (), Pointwise3d(EDGE_CHANNELS, 1))
    return Sgn(
        spec,
        classes,
        encoder,
        LineOfSightLift(half, spec.image_size, EDGE_STRIDE),
        conv_norm_3d(EDGE_CHANNELS, EDGE_CHANNELS),
        GeometryGuidance(
            GeometryHead(nn.Identity(), Pointwise3d(EDGE_CHANNELS, 1)),
            ProposalNetwork(PointEvidence(spec.grid, blocks=1), BirdEyeUNet(spec.grid.shape[2], norm=True), guidance),
        )
        if geometry
        else None,
        SemanticGuidance(EDGE_CHANNELS, classes) if semantics else None,
        Coarsened(
            SemanticDiffusion(EDGE_WIDTH, EDGE_WIDTH, 1), EDGE_CHANNELS * (1 + geometry), EDGE_CHANNELS, EDGE_WIDTH
        ),
        SubvoxelHead(EDGE_CHANNELS, np.array(SEMANTIC_KITTI.frequencies)),
    )


PUBLISHED: dict[str, tuple[int, int, int, int]] = {
    "full_t": (50, 128, 3, 4),
    "full_s": (50, 128, 3, 0),
    "full_l": (18, 64, 1, 4),
}
"""Preset -> ResNet, channels, anisotropic blocks, past frames."""

PRESETS: dict[str, Callable[[], Sgn]] = {
    "edge": edge,
    "edge_t": partial(edge, past=True),
    "edge_geometry": partial(edge, semantics=False),
    "edge_semantics": partial(edge, geometry=False),
    "edge_dense": partial(edge, geometry=False, semantics=False),
    **{name: partial(full, *sizes) for name, sizes in PUBLISHED.items()},
    **{
        f"{name}_kitti_360": partial(full, *sizes, FULL_KITTI_360, SSCBENCH_KITTI_360)
        for name, sizes in PUBLISHED.items()
    },
}
