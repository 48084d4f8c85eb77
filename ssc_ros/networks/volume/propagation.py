"""Neighbourhood geometry propagation (VLScene): a large kernel carries what was seen into what was not."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.volume.blocks import AxialConv3d, conv_norm_3d

KERNEL = 7


class GeometryPropagation(nn.Module):
    """A 7x7x7 and a 3x3x3 convolution around a shortcut, without norm or bias, as published."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wide = nn.Conv3d(channels, channels, KERNEL, padding=KERNEL // 2, bias=False)
        self.narrow = nn.Conv3d(channels, channels, 3, padding=1, bias=False)

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> the same."""
        return functional.relu(volume + self.narrow(functional.relu(self.wide(volume))))


class AxialPropagation(nn.Module):
    """The same reach at a fiftieth of the operations: seven taps along each axis in turn, and norms."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wide = nn.Sequential(
            *(AxialConv3d(channels, KERNEL, axis, bias=False) for axis in range(3)),
            nn.BatchNorm3d(channels),
            nn.ReLU(inplace=True),
        )
        self.narrow = conv_norm_3d(channels, channels, relu=False)

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> the same."""
        return functional.relu(volume + self.narrow(self.wide(volume)))
