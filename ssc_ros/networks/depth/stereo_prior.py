"""A depth distribution from matched stereo alone (L2COcc section III-B)."""

from __future__ import annotations

from torch import Tensor, nn

from ssc_ros.core import DepthBins
from ssc_ros.networks.depth.depth_net import soft_one_hot
from ssc_ros.networks.depth.hourglass import Hourglass, conv_group_norm


class StereoPrior(nn.Module):
    """Spread sparse matches over the image and over depth.

    Args:
        bins: the discretisation; the bins are the channels.
    """

    def __init__(self, bins: DepthBins) -> None:
        super().__init__()
        self.bins = bins
        self.spread = nn.Sequential(
            conv_group_norm(2, bins.count, bins.count),
            Hourglass(2, bins.count),
            nn.Conv2d(bins.count, bins.count, 1),
        )

    def forward(self, depth: Tensor) -> Tensor:
        """[B, h, w] metres, 0 where missing -> [B, D, h, w] logits."""
        logits: Tensor = self.spread(soft_one_hot(depth, self.bins))
        return logits
