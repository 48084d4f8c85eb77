"""A top-down neck that looks around on the coarsest level and costs little on the finest."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.backbones.residual import conv_norm

DILATIONS = (1, 2, 4)
"""Of the convolutions on the coarsest level; together they see 15 cells across."""


class ContextNeck(nn.Module):
    """Feature pyramid network (Lin et al. 2017) with dilated convolutions on its coarsest level (Yu & Koltun 2016).

    The level before the finest is smoothed by a 3x3 convolution; the finest has 1x1 convolutions alone.

    Args:
        widths: channels of the pyramid, finest first; two levels or more.
        out_channels: channels of the result.
    """

    def __init__(self, widths: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(conv_norm(width, out_channels, 1, relu=False) for width in widths)
        self.context = nn.ModuleList(conv_norm(out_channels, out_channels, dilation=dilation) for dilation in DILATIONS)
        self.smooth = conv_norm(out_channels, out_channels)

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Pyramid (finest first) -> [B, out_channels, H, W] at the size of its finest level."""
        finest, *coarser = (lateral(x) for lateral, x in zip(self.lateral, pyramid, strict=True))
        x = functional.relu(coarser[-1])
        for look_around in self.context:
            x = x + look_around(x)
        for level in reversed(coarser[:-1]):
            x = functional.relu(_enlarged_and_added(x, level))
        return functional.relu(_enlarged_and_added(self.smooth(x), finest))


def _enlarged_and_added(coarse: Tensor, fine: Tensor) -> Tensor:
    return fine + functional.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)
