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
from ssc_ros.systems.labelled import SIGHTED, FrozenSegmenter, edge_labels, labelled_spec
from ssc_ros.systems.segmenter import presets as segmenter_presets
from ssc_ros.systems.sgn.labelled import LabelledSgn
from ssc_ros.systems.sgn.network import GeometryGuidance, Sgn
from ssc_ros.systems.spec import History, InputSpec

POINTS = ("stereo_points",)

FULL = InputSpec(image_size=(370, 1220), context_size=(24, 77), stereo_scale=1.0, pair=POINTS)
FULL_KITTI_360 = replace(FULL, image_size=(376, 1408), context_size=(24, 88))
FULL_STRIDE = 16
FULL_INTERVAL = 0.3
"""Between past frames [s]: every third of the 10 Hz drives."""


def full(
    *, resnet: int, channels: int, depth: int, past: int, spec: InputSpec = FULL, label_set: LabelSet = SEMANTIC_KITTI
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
    spec = replace(spec, history=History(count=past, interval=FULL_INTERVAL)) if past else spec
    half = spec.grid.coarsened(2)
    backbone = ResNet(resnet, stages=3)
    neck = Fpn(backbone.widths, out_channels=channels, start=2)
    guidance = OccupancyHead(channels=8, dilations=(1, 2, 3))
    return Sgn(
        spec,
        len(label_set),
        encoder=nn.Sequential(OrderedDict(backbone=backbone, neck=neck)),
        lift=LineOfSightLift(half, spec.image_size, stride=FULL_STRIDE),
        bottleneck=nn.Conv3d(channels, channels, kernel_size=3, padding=1),
        geometry=GeometryGuidance(
            head=GeometryHead(
                body=SemanticDiffusion(channels, channels // 2, depth=1),
                logits=nn.Conv3d(channels // 2, 1, kernel_size=3, padding=1),
            ),
            proposals=ProposalNetwork(
                points=PointEvidence(spec.grid, channels=16, blocks=2),
                bird_eye=BirdEyeUNet(height=spec.grid.shape[2]),
                head=guidance,
            ),
        ),
        semantics=SemanticGuidance(channels, classes=len(label_set)),
        diffusion=SemanticDiffusion(channels + guidance.channels, channels // 2, depth=depth),
        head=EnlargedHead(channels // 2, classes=len(label_set)),
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
    encoder = nn.Sequential(ResidualEncoder(widths, blocks=2), TopDownNeck(widths[1:], out_channels=EDGE_CHANNELS))
    guidance = OccupancyHead(channels=EDGE_CHANNELS, dilations=(), logits=Pointwise3d(EDGE_CHANNELS, 1))
    return Sgn(
        spec,
        classes,
        encoder=encoder,
        lift=LineOfSightLift(half, spec.image_size, stride=EDGE_STRIDE),
        bottleneck=conv_norm_3d(EDGE_CHANNELS, EDGE_CHANNELS),
        geometry=GeometryGuidance(
            head=GeometryHead(body=nn.Identity(), logits=Pointwise3d(EDGE_CHANNELS, 1)),
            proposals=ProposalNetwork(
                points=PointEvidence(spec.grid, channels=16, blocks=1),
                bird_eye=BirdEyeUNet(height=spec.grid.shape[2], norm=True),
                head=guidance,
            ),
        )
        if geometry
        else None,
        semantics=SemanticGuidance(EDGE_CHANNELS, classes=classes) if semantics else None,
        diffusion=Coarsened(
            body=SemanticDiffusion(EDGE_WIDTH, EDGE_WIDTH, depth=1),
            in_channels=EDGE_CHANNELS * (1 + geometry),
            out_channels=EDGE_CHANNELS,
            width=EDGE_WIDTH,
        ),
        head=SubvoxelHead(EDGE_CHANNELS, np.array(SEMANTIC_KITTI.frequencies)),
    )


def labelled_edge() -> LabelledSgn:
    """`edge` with a frozen segmenter, whose classes the measured voxels of stereo and LiDAR get."""
    segmenter = segmenter_presets.edge()
    spec = labelled_spec(segmenter, pair=(*POINTS, "stereo_sightings"), sweep=("points", *SIGHTED))
    like = edge()
    return LabelledSgn(
        spec,
        segmenter=FrozenSegmenter(segmenter),
        reduce=nn.Conv2d(segmenter_presets.EDGE_FEATURES, EDGE_CHANNELS, kernel_size=1),
        lift=like.lift,
        bottleneck=like.bottleneck,
        label=edge_labels(spec, segmenter.class_count, EDGE_CHANNELS),
        geometry=like.geometry,
        semantics=like.semantics,
        diffusion=like.diffusion,
        head=like.head,
    )


PUBLISHED: dict[str, Callable[..., Sgn]] = {
    "full_t": partial(full, resnet=50, channels=128, depth=3, past=4),
    "full_s": partial(full, resnet=50, channels=128, depth=3, past=0),
    "full_l": partial(full, resnet=18, channels=64, depth=1, past=4),
}

PRESETS: dict[str, Callable[[], Sgn]] = {
    "edge": edge,
    "edge_labelled": labelled_edge,
    "edge_t": partial(edge, past=True),
    "edge_geometry": partial(edge, semantics=False),
    "edge_semantics": partial(edge, geometry=False),
    "edge_dense": partial(edge, geometry=False, semantics=False),
    **PUBLISHED,
    **{
        f"{name}_kitti_360": partial(make, spec=FULL_KITTI_360, label_set=SSCBENCH_KITTI_360)
        for name, make in PUBLISHED.items()
    },
}
