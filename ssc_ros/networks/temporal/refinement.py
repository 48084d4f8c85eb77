"""Dynamic refinement of a swept volume: convolutions whose taps move within each depth plane (HTCL, Li et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.depth.deformable_conv import sample_taps
from ssc_ros.networks.volume.blocks import PlaneConv3d

KERNEL = 3


class DeformableConv3d(nn.Module):
    """A convolution that keeps the size; each tap moves down and right with the content, and stays in its plane.

    Args:
        in_channels, out_channels: channels.
        planes: that the kernel covers, 3 or 1; each with 3x3 taps.
    """

    def __init__(self, in_channels: int, out_channels: int, planes: int = 3) -> None:
        super().__init__()
        self.planes = planes
        self.offset = _convolution(in_channels, 2 * planes * KERNEL**2, planes)
        for parameter in self.offset.parameters():
            nn.init.zeros_(parameter)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, planes, KERNEL, KERNEL))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")

    def forward(self, volume: Tensor) -> Tensor:
        """[B, in_channels, D, H, W] -> [B, out_channels, D, H, W]; zero outside."""
        batch, _, depths = volume.shape[:3]
        padded = functional.pad(volume, (0, 0, 0, 0, self.planes // 2, self.planes // 2))
        offsets = self.offset(volume).movedim(1, 2).flatten(0, 1).chunk(self.planes, dim=1)
        result = self.bias[:, None, None]
        for layer, (offset, weight) in enumerate(zip(offsets, self.weight.unbind(2), strict=True)):
            # planes are images; those of the kernel's next layer are one further on
            images = padded[:, :, layer : layer + depths].movedim(1, 2).flatten(0, 1)
            taps = sample_taps(images, offset.to(images), KERNEL)
            result = result + functional.conv2d(taps.flatten(1, 2), weight.flatten(1)[..., None, None])
        return result.unflatten(0, (batch, depths)).movedim(1, 2)


def _convolution(in_channels: int, out_channels: int, planes: int) -> nn.Module:
    if planes == KERNEL:
        return nn.Conv3d(in_channels, out_channels, KERNEL, padding=1)
    return PlaneConv3d(in_channels, out_channels)


class DynamicRefinement(nn.Module):
    """Deformable convolutions one after the other, all of which reach the result: [B, C, D, h, w] -> the same.

    Args:
        channels: C.
        width: of the deformable convolutions.
        steps: how many there are.
        planes: that each kernel covers, 3 or 1.
    """

    def __init__(self, channels: int, width: int = 8, steps: int = 3, planes: int = 3) -> None:
        super().__init__()
        widths = (channels, *[width] * (steps - 1))
        self.deformable = nn.ModuleList(DeformableConv3d(n, width, planes) for n in widths)
        self.merge = _convolution(steps * width, channels, planes)

    def forward(self, volume: Tensor) -> Tensor:
        """Refine."""
        steps = []
        for convolution in self.deformable:
            volume = convolution(volume)
            steps.append(volume)
        merged: Tensor = self.merge(torch.cat(steps, dim=1))
        return merged
