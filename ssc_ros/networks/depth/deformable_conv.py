"""Deformable convolution (Dai et al. 2017), sampled bilinearly at learned offsets, without a compiled extension."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def sample_taps(x: Tensor, offsets: Tensor, kernel: int) -> Tensor:
    """What each tap of a kernel sees of an image, displaced by its own offset.

    Args:
        x: [B, C, H, W]; zero outside.
        offsets: [B, 2 * kernel^2, H, W] pixels, (down, right) of each tap in turn, taps row by row.
        kernel: odd size of the square kernel.

    Returns:
        [B, C, kernel^2, H, W].
    """
    height, width = x.shape[-2:]
    tap = torch.arange(kernel, device=x.device, dtype=x.dtype) - kernel // 2
    rows = torch.arange(height, device=x.device, dtype=x.dtype)[:, None] + tap.repeat_interleave(kernel)[:, None, None]
    columns = torch.arange(width, device=x.device, dtype=x.dtype) + tap.repeat(kernel)[:, None, None]
    down, right = offsets.unflatten(1, (-1, 2)).unbind(2)
    # grid_sample without align_corners: -1 and 1 are the outer edges of the border pixels
    at = torch.stack([(2 * (columns + right) + 1) / width - 1, (2 * (rows + down) + 1) / height - 1], dim=-1)
    seen = functional.grid_sample(x, at.flatten(1, 2), align_corners=False)
    return seen.unflatten(2, (-1, height))


class DeformableConv2d(nn.Module):
    """A convolution that keeps the size and whose taps move with the image content.

    Args:
        channels: of input and output.
        kernel: odd size.
        groups: of the convolution; all share the offsets.
    """

    def __init__(self, channels: int, kernel: int = 3, groups: int = 1) -> None:
        super().__init__()
        self.kernel, self.groups = kernel, groups
        self.offset = nn.Conv2d(channels, 2 * kernel**2, kernel, padding=kernel // 2)
        for parameter in self.offset.parameters():
            nn.init.zeros_(parameter)
        self.weight = nn.Parameter(torch.empty(channels, channels // groups, kernel, kernel))
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same."""
        taps = sample_taps(x, self.offset(x), self.kernel)
        weight = self.weight.flatten(1)[..., None, None]
        return functional.conv2d(taps.flatten(1, 2), weight, groups=self.groups)
