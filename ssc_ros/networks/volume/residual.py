"""A residual network on volumes (L2COcc's voxel backbone, after He et al. 2016)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.chain import outputs_of_each
from ssc_ros.networks.volume.blocks import conv_norm_3d


class BasicBlock3d(nn.Module):
    """Two 3x3x3 convolutions around a shortcut: [B, C, X, Y, Z] -> [B, C, X / stride, Y / stride, Z / stride].

    Args:
        channels: C.
        stride: of the first convolution and of the shortcut.
        project: make the shortcut a 3x3x3 convolution, as the published network does in front of each stage.
    """

    def __init__(self, channels: int, stride: int = 1, *, project: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_norm_3d(channels, channels, stride=stride), conv_norm_3d(channels, channels, relu=False)
        )
        self.shortcut = conv_norm_3d(channels, channels, stride=stride, relu=False) if project else nn.Identity()

    def forward(self, volume: Tensor) -> Tensor:
        """Apply the block."""
        return functional.relu(self.body(volume) + self.shortcut(volume))


class ResNet3d(nn.Module):
    """Feature pyramid of a volume, as wide at every level.

    Args:
        channels: of the volume and of all levels.
        stages: levels; the first keeps the size, each that follows halves it.
        blocks: residual blocks per stage.
    """

    def __init__(self, channels: int, stages: int = 3, blocks: int = 1) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(
                BasicBlock3d(channels, 2 if stage else 1, project=True),
                *(BasicBlock3d(channels) for _ in range(blocks - 1)),
            )
            for stage in range(stages)
        )

    def forward(self, volume: Tensor) -> list[Tensor]:
        """[B, C, X, Y, Z] -> one [B, C, X / 2^i, Y / 2^i, Z / 2^i] for each stage i, finest first."""
        return outputs_of_each(self.stages, volume)
