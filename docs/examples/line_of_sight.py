"""A system of one's own: image features along lines of sight, beside what stereo has measured.

The lift is that of MonoScene (Cao and de Charette, CVPR 2022, section 3.2). `docs/tutorials/add_a_system.md` explains
this file. It runs every command of `ssc-ros` with this system among the others:

  python docs/examples/line_of_sight.py train --config docs/examples/line_of_sight.yaml
"""

from __future__ import annotations

import sys
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from ssc_ros import cli
from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.networks.backbones.normalization import ImageNormalization
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck
from ssc_ros.networks.dense import dense
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.heads.subvoxel import SubvoxelHead
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.networks.volume.blocks import Pointwise3d, conv_norm_3d
from ssc_ros.systems import SYSTEMS, InputSpec, SceneInputs, SceneNetwork, SceneOutput

STRIDE = 4
"""Of the image features [px]."""
CHILDREN = 8
"""Channels of `stereo_voxels`: each voxel at half resolution has eight children."""


# --8<-- [start:network]
class LineOfSight(SceneNetwork):
    """Encoder, lift, trunk and head, in the order in which data flows.

    Args:
        spec: reads `stereo_voxels`.
        classes: how many classes the network tells apart.
        encoder: [B, 3, H, W] -> [B, C, H/4, W/4].
        lift: of these features into the volume at half resolution.
        measured: [B, 8, X, Y, Z] measured children -> [B, C, X, Y, Z].
        trunk: [B, C, X, Y, Z] -> the same.
        head: [B, C, X, Y, Z] -> logits of the full grid.
    """

    def __init__(
        self,
        spec: InputSpec,
        classes: int,
        *,
        encoder: nn.Module,
        lift: LineOfSightLift,
        measured: nn.Module,
        trunk: nn.Module,
        head: nn.Module,
    ) -> None:
        super().__init__(spec, classes)
        self.normalize = ImageNormalization(spec.mean, spec.std)
        self.encoder, self.lift, self.measured = encoder, lift, measured
        self.trunk, self.head = trunk, head

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a batch of scenes from the left image and the matched pixels."""
        features = self.encode(inputs["image"])[:, None]  # one image of each scene
        valid = torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
        seen = self.lift(features, inputs["projection"][:, None], valid)
        return SceneOutput(self.complete(seen, inputs["stereo_voxels"]))

    @dense
    def encode(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] uint8 -> [B, C, H/4, W/4]."""
        return cast("Tensor", self.encoder(self.normalize(image)))

    @dense
    def complete(self, seen: Tensor, children: Tensor) -> SceneLogits:
        """[B, C, X, Y, Z] features and [B, 8, X, Y, Z] measured children -> the scene."""
        volume = seen + self.measured(children.to(seen))
        return cast("SceneLogits", self.head(self.trunk(volume)))


# --8<-- [end:network]
# --8<-- [start:presets]
def small(spec: InputSpec, channels: int) -> LineOfSight:
    """Build a network of one size, freshly initialised."""
    return LineOfSight(
        spec,
        len(SEMANTIC_KITTI),
        encoder=nn.Sequential(
            ResidualEncoder((channels, channels, channels), 1), TopDownNeck((channels, channels), channels)
        ),
        lift=LineOfSightLift(spec.grid.coarsened(2), spec.image_size, STRIDE),
        measured=Pointwise3d(CHILDREN, channels),
        trunk=nn.Sequential(conv_norm_3d(channels, channels), conv_norm_3d(channels, channels)),
        head=SubvoxelHead(channels, np.array(SEMANTIC_KITTI.frequencies)),
    )


def edge() -> LineOfSight:
    """Return a network for two CPU cores, on the grid of SemanticKITTI."""
    return small(InputSpec(pair=("stereo_voxels",)), channels=16)


PRESETS = {"edge": edge}
# --8<-- [end:presets]

# --8<-- [start:command]
if __name__ == "__main__":
    SYSTEMS["line_of_sight"] = PRESETS
    sys.exit(cli.main())
# --8<-- [end:command]
