"""One depth distribution of two: of one image alone, and of the pair (VLScene's volume interaction)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.networks.backbones.residual import BasicBlock, conv_norm
from ssc_ros.networks.depth.geometry_depth import DepthFusion
from ssc_ros.networks.depth.hourglass import Hourglass, conv_group_norm
from ssc_ros.networks.lift.frustum import depth_density


class VolumeInteraction(DepthFusion):
    """Each distribution asks the other around each pixel, then a network over (D, h, w).

    The published block asks over the whole image, with a matrix of 7680 x 7680 weights each way; here each pixel asks
    a window around it, with learned projections of its distribution.
    """

    def forward(self, mono: Tensor, stereo: Tensor) -> Tensor:
        """Two [B, D, h, w] logits -> [B, D, h, w] logits."""
        return super().forward(depth_density(mono), depth_density(stereo))


class HourglassInteraction(nn.Module):
    """Both distributions stacked, and a network over (D, h, w): HTCL's volume interaction.

    Args:
        width: channels of the volume.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()

        def conv(in_channels: int) -> nn.Sequential:
            return nn.Sequential(conv_group_norm(3, in_channels, width), nn.ReLU(inplace=True))

        self.entry = nn.Sequential(conv(2), conv(width), Hourglass(3, width))
        self.hourglasses = nn.Sequential(Hourglass(3, width), Hourglass(3, width))
        self.exit = nn.Sequential(conv(width), nn.Conv3d(width, 1, 3, padding=1))

    def forward(self, mono: Tensor, stereo: Tensor) -> Tensor:
        """Two [B, D, h, w] logits -> [B, D, h, w] logits."""
        volume = self.entry(torch.stack([depth_density(stereo), depth_density(mono)], dim=1))
        return self.exit(self.hourglasses(volume) + volume).squeeze(1)


class PlainInteraction(nn.Module):
    """The product of both distributions, corrected by a network on the image; for small computers.

    Args:
        bins: number of depth bins.
        width: channels of the network.
    """

    def __init__(self, bins: int, width: int) -> None:
        super().__init__()
        self.correct = nn.Sequential(
            conv_norm(2 * bins, width, 1), BasicBlock(width, width), BasicBlock(width, width), nn.Conv2d(width, bins, 1)
        )

    def forward(self, mono: Tensor, stereo: Tensor) -> Tensor:
        """Two [B, D, h, w] logits -> [B, D, h, w] logits."""
        both = torch.cat([depth_density(mono), depth_density(stereo)], dim=1)
        return mono + stereo + self.correct(both)


class PlainDepth(nn.Module):
    """Context and monocular depth from image features; for small computers.

    Args:
        features: channels of the image features.
        context: channels of the context.
        bins: number of depth bins.
    """

    def __init__(self, features: int, context: int, bins: int) -> None:
        super().__init__()
        self.context = conv_norm(features, context)
        self.depth = nn.Sequential(BasicBlock(features, features), nn.Conv2d(features, bins, 1))

    def forward(self, features: Tensor, camera: Tensor) -> tuple[Tensor, Tensor]:
        """Context and depth.

        Args:
            features: [B, F, h, w].
            camera: [B, 12]; not looked at, the published network is made aware of the camera by it.

        Returns:
            [B, C, h, w] context and [B, D, h, w] logits over the bins.
        """
        return self.context(features), self.depth(features)
