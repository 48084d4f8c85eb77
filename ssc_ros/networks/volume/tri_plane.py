"""Tri-perspective planes: pool a volume to three planes, refine them in 2-D, put them back (L2COcc section III-C)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.backbones.residual import BasicBlock, ResidualEncoder, TopDownNeck, conv_norm
from ssc_ros.networks.volume.blocks import Pointwise3d

PLANES = {"xy": 4, "yz": 2, "zx": 3}
"""Plane -> the axis of [B, C, X, Y, Z] that it collapses."""


class PlanePool(nn.Module):
    """Collapse one axis by learned softmax weights, per slab.

    One slab is the paper's pooling; with more, the axis is cut into that many slabs, each pooled by itself and laid
    out as channels, so that a plane keeps some of the structure it collapses (as height-as-channels networks do).
    """

    def __init__(self, channels: int, axis: int, slabs: int, outputs: int) -> None:
        super().__init__()
        self.axis, self.slabs = axis, slabs
        self.weight = Pointwise3d(channels, 1, bias=False)
        self.project = nn.Sequential(
            conv_norm(channels * slabs, outputs, 1), nn.Conv2d(outputs, outputs, 1, bias=False)
        )

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> [B, outputs, H, W], the two axes that are left in their order."""

        def slabbed(x: Tensor) -> Tensor:
            x = x.movedim(self.axis, -1)
            return x.unflatten(-1, (self.slabs, x.shape[-1] // self.slabs))

        values = slabbed(volume)
        if values.shape[-1] == 1:
            pooled = values.squeeze(-1)
        else:
            pooled = (values * slabbed(self.weight(volume)).softmax(dim=-1)).sum(dim=-1)
        plane: Tensor = self.project(pooled.movedim(-1, 2).flatten(1, 2))
        return plane


class PlaneUnpool(nn.Module):
    """The inverse layout of `PlanePool`: a plane back to slabs, each repeated along the collapsed axis."""

    def __init__(self, inputs: int, axis: int, slabs: int, channels: int) -> None:
        super().__init__()
        self.axis, self.slabs = axis, slabs
        self.project = nn.Conv2d(inputs, channels * slabs, 1)

    def forward(self, plane: Tensor, size: int) -> Tensor:
        """[B, inputs, H, W] -> [B, C, X, Y, Z] whose collapsed axis is `size` (or 1, to broadcast, for one slab)."""
        volume = self.project(plane).unflatten(1, (-1, self.slabs)).movedim(2, -1)
        if self.slabs > 1:
            volume = volume.repeat_interleave(size // self.slabs, dim=-1)
        return torch.movedim(volume, -1, self.axis)


class PlaneEncoder(nn.Module):
    """A small 2-D residual U-Net that keeps size and width; shared by the three planes."""

    def __init__(self, width: int, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.entry = BasicBlock(width, width)
        self.down = ResidualEncoder([width, *widths], blocks, inputs=width)
        self.neck = TopDownNeck(widths, width)
        self.bridge = conv_norm(width, width, 1)
        self.exit = BasicBlock(2 * width, width)

    def forward(self, plane: Tensor) -> Tensor:
        """[B, W, h, w] -> [B, W, h, w]."""
        fine = self.entry(plane)
        coarse = self.neck(self.down(fine))
        coarse = functional.interpolate(self.bridge(coarse), size=fine.shape[-2:], mode="bilinear", align_corners=False)
        result: Tensor = self.exit(torch.cat([fine, coarse], dim=1))
        return result


class TriPlane(nn.Module):
    """Pool, encode, unpool and aggregate.

    Args:
        channels: of the volume.
        width: channels of the planes.
        widths: channels of the encoder's coarser levels.
        slabs: kept along the collapsed axis, per plane in the order xy, yz, zx.
        blocks: residual blocks per level of the encoder.
    """

    def __init__(
        self, channels: int, width: int, widths: Sequence[int], slabs: tuple[int, int, int] = (1, 1, 1), blocks: int = 1
    ) -> None:
        super().__init__()
        layout = dict(zip(PLANES, slabs, strict=True))
        self.pools = nn.ModuleDict({p: PlanePool(channels, PLANES[p], s, width) for p, s in layout.items()})
        self.encoder = PlaneEncoder(width, widths, blocks)
        self.unpools = nn.ModuleDict({p: PlaneUnpool(width, PLANES[p], s, channels) for p, s in layout.items()})
        self.aggregate = Pointwise3d(channels, len(PLANES) + 1, bias=False)

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> [B, C, X, Y, Z], a softmax-weighted sum of the three planes and the volume itself."""
        parts = [
            self.unpools[p](self.encoder(self.pools[p](volume)), volume.shape[axis]) for p, axis in PLANES.items()
        ]
        parts.append(volume)
        total = parts[0] + parts[1] + parts[2] + parts[3]
        weights = self.aggregate(total).softmax(dim=1)
        result = parts[0] * weights[:, :1]
        for i, part in enumerate(parts[1:], start=1):
            result = result + part * weights[:, i : i + 1]
        return result
