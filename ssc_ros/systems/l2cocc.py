"""L2COcc (Wang et al., IROS 2025, arXiv 2503.12369): the camera model C, which distillation makes D, and the LiDAR model L."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck
from ssc_ros.networks.depth.depth_net import DepthNet
from ssc_ros.networks.heads.subvoxel import SubvoxelHead
from ssc_ros.networks.lidar.point_encoder import PointEncoder
from ssc_ros.networks.lift.depth_weighted import DepthWeightedLift
from ssc_ros.networks.lift.voxel_transformer import VoxelTransformer
from ssc_ros.networks.volume.blocks import ResidualBlock3d
from ssc_ros.networks.volume.measured import MeasuredFusion
from ssc_ros.networks.volume.tri_plane import PlaneEncoder, TriPlane
from ssc_ros.systems.spec import LIDAR, InputSpec, SceneInputs, SceneNetwork, SceneOutput


class ImageBranch(SceneNetwork):
    """Context and depth of the left image: what is pretrained by itself on depth and on the classes of pixels.

    Args:
        spec: of the whole system.
        encoder: [B, 3, H, W] -> [B, F, h, w].
        depth: features, stereo depth and projection -> context [B, C, h, w] and depth logits [B, D, h, w].
        context: C.
        classes: of the pixels' supervision.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: InputSpec, encoder: nn.Module, depth: nn.Module, context: int, classes: int) -> None:
        super().__init__()
        self.spec = spec
        self.encoder, self.depth = encoder, depth
        self.classes = nn.Conv2d(context, classes, 1)
        self.register_buffer("mean", 255 * torch.tensor(spec.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(spec.std).view(3, 1, 1), persistent=False)

    def context_and_depth(self, inputs: SceneInputs) -> tuple[Tensor, Tensor]:
        """[B, C, h, w] context and [B, D, h, w] depth logits."""
        image = (inputs["image"].to(self.mean) - self.mean) / self.std
        context, depth = self.depth(self.encoder(image), inputs["stereo_depth"], inputs["projection"])
        return context, depth

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict depth and classes of the image cells; there is no scene."""
        context, depth = self.context_and_depth(inputs)
        return SceneOutput(None, depth, self.classes(context))


class L2Cocc(SceneNetwork):
    """The camera model, as figure 2 of the paper reads from left to right."""

    def __init__(
        self,
        image: ImageBranch,
        lift: nn.Module,
        fuse: nn.Module | None,
        transformer: nn.Module,
        trunk: nn.Module,
        planes: TriPlane,
        head: nn.Module,
    ) -> None:
        super().__init__()
        self.spec = image.spec
        self.image, self.lift, self.fuse, self.transformer = image, lift, fuse, transformer
        self.trunk, self.planes, self.head = trunk, planes, head

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        projection, measured = inputs["projection"], inputs["stereo_voxels"]
        context, depth = self.image.context_and_depth(inputs)
        volume = self.lift(context, depth, projection)
        if self.fuse is not None:
            volume = self.fuse(volume, measured)
        volume = self.transformer(volume, measured.any(dim=1), context, depth, projection)
        volume = self.trunk(volume)
        refined, taps = self.planes(volume)
        classes = self.image.classes(context) if self.training else None
        return SceneOutput(self.head(refined), depth, classes, {"volume": volume, **taps})


class L2CoccLidar(SceneNetwork):
    """The LiDAR model: the camera model's volume and planes behind an encoder of points."""

    def __init__(
        self, spec: InputSpec, encoder: PointEncoder, trunk: nn.Module, planes: TriPlane, head: nn.Module
    ) -> None:
        super().__init__()
        self.spec = spec
        self.encoder, self.trunk, self.planes, self.head = encoder, trunk, planes, head

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        volume = self.trunk(self.encoder(inputs["points"]))
        refined, taps = self.planes(volume)
        return SceneOutput(self.head(refined), taps={"volume": volume, **taps})


EDGE_CONTEXT, EDGE_VOLUME = 24, 16


def edge_image(spec: InputSpec, classes: int = len(SEMANTIC_KITTI)) -> ImageBranch:
    """A small residual network at stride 4 of a 192 x 640 image."""
    widths = (24, 32, 64, 96, 128)
    encoder = nn.Sequential(ResidualEncoder(widths, 2), TopDownNeck(widths[1:], 48))
    return ImageBranch(spec, encoder, DepthNet(48, 48, EDGE_CONTEXT, spec.bins), EDGE_CONTEXT, classes)


def edge_planes(shape: tuple[int, int, int]) -> TriPlane:
    """Planes of 64 channels; the one seen from above keeps its height as channels."""
    return TriPlane(EDGE_VOLUME, shape, PlaneEncoder(64, (96, 128, 160)), slabs=(16, 1, 1))


def edge_camera(classes: int = len(SEMANTIC_KITTI)) -> L2Cocc:
    """C and D for two CPU cores."""
    spec = InputSpec()
    half = spec.grid.coarsened(2)
    lift = DepthWeightedLift(half, spec.bins, spec.image_size)
    return L2Cocc(
        edge_image(spec, classes),
        lift,
        MeasuredFusion(EDGE_CONTEXT + lift.extra_channels, EDGE_VOLUME, half.shape),
        VoxelTransformer(EDGE_VOLUME, 2, 4, 1, 32, spec.bins, half, spec.image_size, context=EDGE_CONTEXT),
        ResidualBlock3d(EDGE_VOLUME),
        edge_planes(half.shape),
        SubvoxelHead(EDGE_VOLUME, classes),
    )


def edge_lidar(classes: int = len(SEMANTIC_KITTI)) -> L2CoccLidar:
    """L for two CPU cores; volume, planes and head as in `edge_camera`, so that it can teach it."""
    spec = InputSpec(sensors=(LIDAR,))
    half = spec.grid.coarsened(2)
    return L2CoccLidar(
        spec,
        PointEncoder(half, (32, 64), EDGE_VOLUME),
        nn.Sequential(ResidualBlock3d(EDGE_VOLUME), ResidualBlock3d(EDGE_VOLUME)),
        edge_planes(half.shape),
        SubvoxelHead(EDGE_VOLUME, classes),
    )


CAMERA_PRESETS = {"edge": edge_camera}
LIDAR_PRESETS = {"edge": edge_lidar}
IMAGE_PRESETS = {"edge": lambda: edge_image(InputSpec())}
