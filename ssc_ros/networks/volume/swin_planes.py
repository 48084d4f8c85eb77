"""The paper's plane encoder: one Swin transformer and neck for all three planes (L2COcc section III-C)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.volume.swin import SwinStages


def conv_instance_norm(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    """2-D convolution that keeps the size, instance norm and leaky ReLU.

    The published batch norm keeps no running statistics and is trained and run on one scene at a time, where it is
    this very norm; this one does not depend on what else is in the batch. Running statistics would be a blend of three
    planes that differ.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False),
        nn.InstanceNorm2d(out_channels, affine=True),
        nn.LeakyReLU(inplace=True),
    )


class ConcatenatingNeck(nn.Module):
    """Feature pyramid network that stacks each level with the coarser result instead of adding them.

    Args:
        widths: channels of the pyramid, finest first.
        out_channels: channels of the results.
    """

    def __init__(self, widths: Sequence[int], out_channels: int) -> None:
        super().__init__()
        coarser = [out_channels] * (len(widths) - 2) + [widths[-1]]
        self.levels = nn.ModuleList(
            nn.Sequential(
                conv_instance_norm(fine + coarse, out_channels, 1), conv_instance_norm(out_channels, out_channels, 3)
            )
            for fine, coarse in zip(widths[:-1], coarser, strict=True)
        )

    def forward(self, pyramid: Sequence[Tensor]) -> list[Tensor]:
        """Pyramid, finest first -> [B, out_channels, h, w] for each of its levels but the coarsest."""
        x, results = pyramid[-1], []
        for level, fine in zip(reversed(self.levels), reversed(pyramid[:-1]), strict=True):
            x = functional.interpolate(x, size=fine.shape[-2:], mode="bilinear", align_corners=False)
            x = level(torch.cat([fine, x], dim=1))
            results.append(x)
        return results[::-1]


class SwinPlanes(nn.Module):
    """Refine a plane: Swin-T at the plane's own resolution, then the neck, resized to the plane.

    Args:
        width: channels of the planes, in and out.
    """

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.width = width
        self.embed = nn.Conv2d(width, 96, 4)
        self.embed_norm = nn.LayerNorm(96)
        self.stages = SwinStages(96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24))
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for channels in self.stages.widths[1:])
        self.neck = ConcatenatingNeck(self.stages.widths[1:], width)

    def forward(self, plane: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Refine.

        Args:
            plane: [B, width, h, w].

        Returns:
            [B, width, h, w], and the levels by name: "stage1" to "stage3" at 1/2, 1/4 and 1/8 of the size, "neck0"
            and "neck1" at 1/2 and 1/4.
        """
        # the nearest that an even kernel comes to being centred; the published one is padded on the far side alone
        embedded = self.embed(functional.pad(plane, (1, 2, 1, 2)))
        _, *levels = self.stages(self.embed_norm(embedded.movedim(1, -1)))
        pyramid = [norm(level).movedim(-1, 1) for norm, level in zip(self.norms, levels, strict=True)]
        necks = self.neck(pyramid)
        refined = functional.interpolate(necks[0], size=plane.shape[-2:], mode="bilinear", align_corners=False)
        named = {f"stage{i}": level for i, level in enumerate(pyramid, start=1)}
        return refined, named | {f"neck{i}": level for i, level in enumerate(necks)}
