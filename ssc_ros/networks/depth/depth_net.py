"""A depth distribution per pixel from image features and measured depth priors (L2COcc section III-B)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.core import DepthBins
from ssc_ros.networks.backbones.residual import BasicBlock, conv_norm


def soft_one_hot(depth: Tensor, bins: DepthBins) -> Tensor:
    """Linear interpolation of a depth between its two nearest bins.

    Args:
        depth: [B, H, W] metres; 0 (or outside the bins) where missing.
        bins: the discretisation.

    Returns:
        [B, D, H, W]; sums to 1 over D where the depth is known, all zero where it is missing.
    """
    coordinate = (depth - bins.first) / bins.step
    index = torch.arange(bins.count, device=depth.device, dtype=depth.dtype)
    return (1 - (coordinate[:, None] - index[:, None, None]).abs()).clamp(min=0)


class DepthNet(nn.Module):
    """Fuse monocular features with stereo and LiDAR depth into one distribution over depth bins.

    Args:
        features: channels of the image features.
        width: channels inside.
        bins: the discretisation.
    """

    def __init__(self, features: int, width: int, bins: DepthBins) -> None:
        super().__init__()
        self.bins = bins
        self.prior = conv_norm(2 * bins.count, width, 1)
        self.fuse = nn.Sequential(BasicBlock(features + width, width), BasicBlock(width, width))
        self.logits = nn.Conv2d(width, bins.count, 1)
        # The measured priors reach the logits directly too: before any training the lift already follows them.
        self.trust = nn.Parameter(torch.tensor([5.0, 8.0]))

    def forward(self, features: Tensor, stereo_depth: Tensor, lidar_depth: Tensor) -> Tensor:
        """Depth logits.

        Args:
            features: [B, F, H, W].
            stereo_depth, lidar_depth: [B, H, W] metres, 0 where missing.

        Returns:
            [B, D, H, W] logits over the bins.
        """
        stereo, lidar = (soft_one_hot(depth, self.bins) for depth in (stereo_depth, lidar_depth))
        prior = self.prior(torch.cat([stereo, lidar], dim=1))
        logits: Tensor = self.logits(self.fuse(torch.cat([features, prior], dim=1)))
        return logits + self.trust[0] * stereo + self.trust[1] * lidar
