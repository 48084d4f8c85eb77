"""SGN in the smallest size that still learns, for any box and image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import nn

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck
from ssc_ros.networks.guidance.bird_eye import BirdEyeUNet, OccupancyHead
from ssc_ros.networks.guidance.geometry import GeometryHead, ProposalNetwork
from ssc_ros.networks.guidance.points import PointEvidence
from ssc_ros.networks.guidance.semantic import SemanticGuidance
from ssc_ros.networks.heads.subvoxel import SubvoxelHead
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.networks.volume.blocks import conv_norm_3d
from ssc_ros.networks.volume.sdb import SemanticDiffusion
from ssc_ros.systems import InputSpec
from ssc_ros.systems.sgn.network import GeometryGuidance, Sgn
from ssc_ros.systems.sgn.presets import POINTS

CLASSES = len(SEMANTIC_KITTI)
WIDTH = 16


def camera(spec: InputSpec) -> Sgn:
    spec = replace(spec, pair=POINTS)
    half = spec.grid.coarsened(2)
    return Sgn(
        spec,
        CLASSES,
        encoder=nn.Sequential(ResidualEncoder((8, 8, 16), 1), TopDownNeck((8, 16), WIDTH)),
        lift=LineOfSightLift(half, spec.image_size, 4),
        bottleneck=conv_norm_3d(WIDTH, WIDTH),
        geometry=GeometryGuidance(
            GeometryHead(nn.Identity(), nn.Conv3d(WIDTH, 1, 3, padding=1)),
            ProposalNetwork(
                PointEvidence(spec.grid, WIDTH, blocks=1),
                BirdEyeUNet(spec.grid.shape[2], norm=True),
                OccupancyHead(WIDTH, (1,)),
            ),
        ),
        semantics=SemanticGuidance(WIDTH, CLASSES),
        diffusion=SemanticDiffusion(2 * WIDTH, WIDTH, 1),
        head=SubvoxelHead(WIDTH, np.array(SEMANTIC_KITTI.frequencies)),
    )
