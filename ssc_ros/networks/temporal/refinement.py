"""Dynamic refinement of a swept volume: convolutions whose taps move within each depth plane (HTCL, Li et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.depth.deformable_conv import sample_taps

KERNEL = 3


class DeformableConv3d(nn.Module):
    """A 3x3x3 convolution that keeps the size; each tap moves down and right with the content, and stays in its plane.

    Args:
        inputs, outputs: channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.offset = nn.Conv3d(inputs, 2 * KERNEL**3, KERNEL, padding=KERNEL // 2)
        for parameter in self.offset.parameters():
            nn.init.zeros_(parameter)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, KERNEL, KERNEL, KERNEL))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")

    def forward(self, volume: Tensor) -> Tensor:
        """[B, inputs, D, H, W] -> [B, outputs, D, H, W]; zero outside."""
        batch, _, planes = volume.shape[:3]
        padded = functional.pad(volume, (0, 0, 0, 0, KERNEL // 2, KERNEL // 2))
        offsets = self.offset(volume).movedim(1, 2).flatten(0, 1).chunk(KERNEL, dim=1)
        result = self.bias[:, None, None]
        for layer, (offset, weight) in enumerate(zip(offsets, self.weight.unbind(2), strict=True)):
            # planes are images: a tap's layer is a plane further on
            images = padded[:, :, layer : layer + planes].movedim(1, 2).flatten(0, 1)
            taps = sample_taps(images, offset.to(images), KERNEL)
            result = result + functional.conv2d(taps.flatten(1, 2), weight.flatten(1)[..., None, None])
        return result.unflatten(0, (batch, planes)).movedim(1, 2)


class DynamicRefinement(nn.Module):
    """Deformable convolutions one after the other, all of which reach the result: [B, C, D, h, w] -> the same.

    Args:
        channels: C.
        width: of the deformable convolutions.
        depth: how many there are.
    """

    def __init__(self, channels: int, width: int = 8, depth: int = 3) -> None:
        super().__init__()
        self.deformable = nn.ModuleList(DeformableConv3d(channels if i == 0 else width, width) for i in range(depth))
        self.merge = nn.Conv3d(depth * width, channels, 3, padding=1)

    def forward(self, volume: Tensor) -> Tensor:
        """Refine."""
        steps = []
        for convolution in self.deformable:
            volume = convolution(volume)
            steps.append(volume)
        merged: Tensor = self.merge(torch.cat(steps, dim=1))
        return merged
