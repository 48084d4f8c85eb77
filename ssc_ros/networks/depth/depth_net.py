"""A depth distribution per pixel from image features and measured depth priors (L2COcc section III-B)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.core import DepthBins
from ssc_ros.networks.backbones.residual import BasicBlock, conv_norm
from ssc_ros.networks.volume.blocks import channels_first, channels_last


def soft_one_hot(depth: Tensor, bins: DepthBins) -> Tensor:
    """Linear interpolation of a depth between its two nearest bins.

    Args:
        depth: [B, H, W] metres; 0 (or outside the bins) where missing.
        bins: the discretisation.

    Returns:
        [B, D, H, W]; sums to 1 over D where the depth is known, all zero where it is missing. In memory, the bins of a
        pixel lie side by side.
    """
    coordinate = (depth - bins.first) / bins.step
    index = torch.arange(bins.count, device=depth.device, dtype=depth.dtype)
    return channels_first((1 - (coordinate[..., None] - index).abs()).clamp(min=0))


class DepthNet(nn.Module):
    """Context and depth from image features and measured depth, in a size for small computers.

    Args:
        features: channels of the image features.
        width: channels inside.
        context: channels of the context.
        bins: the discretisation.
    """

    def __init__(self, features: int, width: int, context: int, bins: DepthBins) -> None:
        super().__init__()
        self.bins = bins
        self.context = conv_norm(features, context)
        self.prior = conv_norm(bins.count, width, 1)
        self.fuse = nn.Sequential(BasicBlock(features + width, width), BasicBlock(width, width))
        self.logits = nn.Conv2d(width, bins.count, 1)
        # The measured prior reaches the logits directly too: before any training the lift already follows it.
        self.trust = nn.Parameter(torch.tensor(5.0))

    def forward(self, features: Tensor, stereo_depth: Tensor, projection: Tensor) -> tuple[Tensor, Tensor]:
        """Context and depth logits.

        Args:
            features: [B, F, h, w].
            stereo_depth: [B, h, w] metres, 0 where missing.
            projection: [B, 3, 4]; not looked at, the published depth network is made aware of the camera by it.

        Returns:
            [B, C, h, w], and [B, D, h, w] logits over the bins. In memory, those of a place lie side by side: so they
            are read.
        """
        stereo = soft_one_hot(stereo_depth, self.bins)
        logits = self.logits(self.fuse(torch.cat([features, self.prior(stereo)], dim=1)))
        logits = channels_last(logits) + self.trust * channels_last(stereo)
        context = channels_last(self.context(features))
        return channels_first(context.contiguous()), channels_first(logits.contiguous())
