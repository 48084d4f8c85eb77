"""Context and depth from one image by a network that knows its camera (BEVDepth, Li et al. 2023; L2COcc III-B)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.networks.backbones.residual import BasicBlock, conv_norm
from ssc_ros.networks.depth.deformable_conv import DeformableConv2d


def camera_vector(projection: Tensor, image_size: tuple[int, int]) -> Tensor:
    """A camera as numbers of order one, independent of how far its image was shrunk.

    Args:
        projection: [B, 3, 4], grid frame [m] -> homogeneous pixel (u d, v d, d).
        image_size: (height, width) [px] of that image.

    Returns:
        [B, 12]: the projection to (u / width, v / height), row by row.
    """
    height, width = image_size
    return (projection / projection.new_tensor([width, height, 1.0])[:, None]).flatten(1)


class CameraGate(nn.Module):
    """Squeeze and excitation by the camera instead of by the image: each channel is scaled into 0..1."""

    def __init__(self, camera: int, channels: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Linear(camera, channels),
            nn.ReLU(inplace=True),
            nn.Linear(channels, channels),
            nn.Linear(channels, channels),
            nn.ReLU(inplace=True),
            nn.Linear(channels, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor, camera: Tensor) -> Tensor:
        """[B, C, H, W] and [B, camera] -> [B, C, H, W]."""
        return x * self.gate(camera)[..., None, None]


class Aspp(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2017): several fields of view and the whole image, mixed."""

    def __init__(self, channels: int, dilations: tuple[int, ...] = (6, 12, 18)) -> None:
        super().__init__()
        self.views = nn.ModuleList(
            [conv_norm(channels, channels, 1), *(conv_norm(channels, channels, dilation=d) for d in dilations)]
        )
        # one value per channel and image: with a batch norm a single image could not be trained on
        self.whole = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1, bias=False), nn.GroupNorm(1, channels), nn.ReLU()
        )
        self.mix = nn.Sequential(conv_norm((len(dilations) + 2) * channels, channels, 1), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same."""
        views = [*(view(x) for view in self.views), self.whole(x).expand_as(x)]
        result: Tensor = self.mix(torch.cat(views, dim=1))
        return result


class CameraAwareDepth(nn.Module):
    """Image features to context and monocular depth, each through its own gate.

    Args:
        features: channels of the image features.
        context: channels of the context.
        bins: number of depth bins.
        camera: length of the camera vector.
        width: channels of the depth branch; those of the bins by default.
    """

    def __init__(self, features: int, context: int, bins: int, camera: int = 12, width: int | None = None) -> None:
        super().__init__()
        width = bins if width is None else width
        # a batch holds too few different cameras for batch statistics
        self.norm = nn.LayerNorm(camera)
        self.reduce = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1), nn.BatchNorm2d(features), nn.ReLU(inplace=True)
        )
        self.context_gate = CameraGate(camera, features)
        self.context = nn.Conv2d(features, context, 1)
        self.depth_gate = CameraGate(camera, features)
        narrow = None if width == features else nn.Conv2d(features, width, 3, padding=1)
        self.depth = nn.Sequential(
            BasicBlock(features, width, shortcut=narrow),
            BasicBlock(width, width),
            BasicBlock(width, width),
            Aspp(width),
            DeformableConv2d(width, groups=4),
            nn.Conv2d(width, bins, 1),
        )

    def forward(self, features: Tensor, camera: Tensor) -> tuple[Tensor, Tensor]:
        """Context and depth.

        Args:
            features: [B, F, h, w].
            camera: [B, camera], see `camera_vector`.

        Returns:
            [B, C, h, w] context and [B, D, h, w] logits over the bins.
        """
        camera = self.norm(camera)
        x = self.reduce(features)
        return self.context(self.context_gate(x, camera)), self.depth(self.depth_gate(x, camera))
