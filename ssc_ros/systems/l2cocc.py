"""L2COcc (Wang et al., IROS 2025, arXiv 2503.12369): the camera model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck, conv_norm
from ssc_ros.networks.depth.depth_net import DepthNet
from ssc_ros.networks.heads.subvoxel import SubvoxelHead
from ssc_ros.networks.lift.depth_weighted import DepthWeightedLift
from ssc_ros.networks.volume.blocks import ResidualBlock3d, conv_norm_3d
from ssc_ros.networks.volume.tri_plane import TriPlane
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput


@dataclass(frozen=True)
class CameraPreset:
    """Sizes of the camera model."""

    inputs: InputSpec
    classes: int
    image_widths: tuple[int, ...]
    image_blocks: int
    context: int
    depth_width: int
    volume: int
    plane: int
    plane_widths: tuple[int, ...]
    plane_slabs: tuple[int, int, int]


PRESETS = {
    "edge": CameraPreset(
        inputs=InputSpec(),
        classes=len(SEMANTIC_KITTI),
        image_widths=(24, 32, 64, 96, 128),
        image_blocks=2,
        context=32,
        depth_width=48,
        volume=16,
        plane=64,
        plane_widths=(96, 128, 160),
        plane_slabs=(16, 8, 8),
    ),
}


class L2CoccCamera(SceneNetwork):
    """Image -> context and depth -> lift -> planes -> labels, as figure 2 of the paper reads from left to right."""

    mean: Tensor
    std: Tensor
    position: Tensor

    def __init__(self, preset: CameraPreset) -> None:
        super().__init__()
        self.spec = preset.inputs
        half = self.spec.grid.coarsened(2)
        self.backbone = ResidualEncoder(preset.image_widths, preset.image_blocks)
        self.neck = TopDownNeck(preset.image_widths[1:], preset.depth_width)
        self.context = conv_norm(preset.depth_width, preset.context)
        self.depth = DepthNet(preset.depth_width, preset.depth_width, self.spec.bins)
        self.image_head = nn.Conv2d(preset.context, preset.classes, 1)
        self.lift = DepthWeightedLift(half, self.spec.bins, self.spec.image_size)
        evidence = 2 * 8 + len(half.shape)
        self.fuse = nn.Sequential(
            conv_norm_3d(preset.context + self.lift.extra_channels + evidence, preset.volume, 1),
            ResidualBlock3d(preset.volume),
        )
        self.planes = TriPlane(preset.volume, half.shape, preset.plane, preset.plane_widths, preset.plane_slabs)
        self.head = SubvoxelHead(preset.volume, preset.classes)
        self.register_buffer("mean", 255 * torch.tensor(self.spec.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(self.spec.std).view(3, 1, 1), persistent=False)
        self.register_buffer("position", _positions(half.shape), persistent=False)

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        image = (inputs["image"].to(self.mean) - self.mean) / self.std
        features = self.neck(self.backbone(image))
        context = self.context(features)
        depth = self.depth(features, inputs["stereo_depth"], inputs["lidar_depth"])

        lifted = self.lift(context, depth, inputs["projection"])
        measured = [inputs[key].to(lifted) for key in ("stereo_voxels", "lidar_voxels")]
        position = self.position.expand(len(lifted), *self.position.shape)
        volume = self.fuse(torch.cat([lifted, *measured, position], dim=1))

        scene = self.head(self.planes(volume))
        return SceneOutput(scene, depth, self.image_head(context) if self.training else None)


def _positions(shape: tuple[int, int, int]) -> Tensor:
    """[3, X, Y, Z]: where in the box a voxel lies, -1 .. 1 along each axis; the street has a layout."""
    return torch.stack(torch.meshgrid(*(torch.linspace(-1, 1, n) for n in shape), indexing="ij"))
