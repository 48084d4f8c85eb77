"""Monocular and stereo depth, fused by asking each other (L2COcc section III-B)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.core import DepthBins
from ssc_ros.networks.depth.camera_aware import CameraAwareDepth, camera_vector
from ssc_ros.networks.depth.hourglass import Hourglass
from ssc_ros.networks.depth.stereo_prior import StereoPrior
from ssc_ros.networks.depth.window_attention import NeighbourhoodCrossAttention


class ChannelAttention3d(nn.Module):
    """Channels weighed by their mean over the volume, mixed, and added with a scale that starts at 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.entry = nn.Sequential(nn.Conv3d(channels, channels, 3, padding=1), nn.GELU(), nn.GroupNorm(1, channels))
        self.weight = nn.Sequential(
            nn.AdaptiveAvgPool3d(1),
            nn.Conv3d(channels, channels // 8, 1),
            nn.GELU(),
            nn.Conv3d(channels // 8, channels, 1),
            nn.GELU(),
            nn.Sigmoid(),
        )
        self.exit = nn.Sequential(nn.Conv3d(channels, channels, 3, padding=1), nn.GELU(), nn.GroupNorm(2, channels))
        self.scale = nn.Parameter(torch.zeros(1))

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, D, H, W] -> the same."""
        x = self.entry(volume)
        return volume + self.scale * self.exit(x * self.weight(x))


class DepthFusion(nn.Module):
    """Two distributions over depth to one: each asks the other around each pixel, then a network over (D, h, w).

    Args:
        bins: number of depth bins.
        width: channels of the volume.
    """

    def __init__(self, bins: int, width: int = 32) -> None:
        super().__init__()
        self.mono_asks = NeighbourhoodCrossAttention(bins)
        self.stereo_asks = NeighbourhoodCrossAttention(bins)
        self.refine = nn.Sequential(
            nn.Conv3d(2, width, 3, padding=1),
            nn.ReLU(inplace=True),
            Hourglass(3, width),
            ChannelAttention3d(width),
            nn.Conv3d(width, 1, 3, padding=1),
        )

    def forward(self, mono: Tensor, stereo: Tensor) -> Tensor:
        """Two [B, D, h, w] probabilities -> [B, D, h, w] logits."""
        volume = torch.stack([self.mono_asks(mono, stereo), self.stereo_asks(stereo, mono)], dim=1)
        return self.refine(volume).squeeze(1)


class GeometryDepth(nn.Module):
    """Image features and measured stereo depth to context and depth: figure 2 of the paper, left.

    Args:
        features: channels of the image features.
        context: channels of the context.
        bins: the depth discretisation.
        image_size: (height, width) [px] of the image that the projection refers to.
    """

    def __init__(self, features: int, context: int, bins: DepthBins, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.image_size = image_size
        self.mono = CameraAwareDepth(features, context, bins.count)
        self.stereo = StereoPrior(bins)
        self.fuse = DepthFusion(bins.count)

    def forward(self, features: Tensor, stereo_depth: Tensor, projection: Tensor) -> tuple[Tensor, Tensor]:
        """Context and depth.

        Args:
            features: [B, F, h, w].
            stereo_depth: [B, h, w] metres, 0 where missing.
            projection: [B, 3, 4], grid frame [m] -> homogeneous pixel of the network's image.

        Returns:
            [B, C, h, w] context and [B, D, h, w] logits over the bins.
        """
        context, mono = self.mono(features, camera_vector(projection, self.image_size))
        stereo = self.stereo(stereo_depth)
        return context, self.fuse(mono.softmax(dim=1), stereo.softmax(dim=1))
