"""Small three-dimensional blocks on [B, C, X, Y, Z]."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def conv_norm_3d(inputs: int, outputs: int, kernel: int = 3, *, relu: bool = True) -> nn.Sequential:
    """3-D convolution that keeps the size, batch norm and (by default) ReLU."""
    layers: list[nn.Module] = [
        nn.Conv3d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm3d(outputs),
    ]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class ResidualBlock3d(nn.Module):
    """One 3x3x3 convolution added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = conv_norm_3d(channels, channels, relu=False)

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> the same."""
        return functional.relu(volume + self.body(volume))
