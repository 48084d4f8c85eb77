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

    def __init__(self, channels: int, axis: int, size: int, slabs: int, outputs: int) -> None:
        super().__init__()
        self.axis, self.layout = axis, (slabs, size // slabs)
        # a slab of one voxel has nothing to weigh
        self.weight = Pointwise3d(channels, 1, bias=False) if size > slabs else None
        self.project = nn.Sequential(
            conv_norm(channels * slabs, outputs, 1), nn.Conv2d(outputs, outputs, 1, bias=False)
        )

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> [B, outputs, H, W], the two axes that are left in their order."""
        pooled = self._slabs(volume)
        if self.weight is not None:
            pooled = pooled * self._slabs(self.weight(volume)).softmax(dim=-1)
        pooled = pooled.sum(dim=-1)
        plane: Tensor = self.project(pooled.movedim(-1, 2).flatten(1, 2))
        return plane

    def _slabs(self, volume: Tensor) -> Tensor:
        return volume.movedim(self.axis, -1).unflatten(-1, self.layout)


class PlaneUnpool(nn.Module):
    """The inverse layout of `PlanePool`: a plane back to slabs, each repeated along the collapsed axis."""

    def __init__(self, inputs: int, axis: int, size: int, slabs: int, channels: int) -> None:
        super().__init__()
        self.axis, self.slabs, self.thickness = axis, slabs, size // slabs
        self.project = nn.Conv2d(inputs, channels * slabs, 1)

    def forward(self, plane: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, C, X, Y, Z]; with one slab the collapsed axis has size 1, to broadcast."""
        volume = self.project(plane).unflatten(1, (-1, self.slabs)).movedim(2, -1)
        if self.slabs > 1:
            volume = volume.repeat_interleave(self.thickness, dim=-1)
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
        shape: (X, Y, Z) of the volume.
        width: channels of the planes.
        widths: channels of the encoder's coarser levels.
        slabs: kept along the collapsed axis, per plane in the order xy, yz, zx; each divides that axis.
        blocks: residual blocks per level of the encoder.
    """

    def __init__(
        self,
        channels: int,
        shape: tuple[int, int, int],
        width: int,
        widths: Sequence[int],
        slabs: tuple[int, int, int] = (1, 1, 1),
        blocks: int = 1,
    ) -> None:
        super().__init__()
        layout = {p: (axis, shape[axis - 2], n) for (p, axis), n in zip(PLANES.items(), slabs, strict=True)}
        self.pools = nn.ModuleDict({p: PlanePool(channels, *axis, width) for p, axis in layout.items()})
        self.encoder = PlaneEncoder(width, widths, blocks)
        self.unpools = nn.ModuleDict({p: PlaneUnpool(width, *axis, channels) for p, axis in layout.items()})
        self.aggregate = Pointwise3d(channels, len(PLANES) + 1, bias=False)

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> [B, C, X, Y, Z], a softmax-weighted sum of the three planes and the volume itself."""
        parts = [self.unpools[plane](self.encoder(self.pools[plane](volume))) for plane in PLANES]
        parts.append(volume)
        total = parts[0] + parts[1] + parts[2] + parts[3]
        weights = self.aggregate(total).softmax(dim=1)
        result = parts[0] * weights[:, :1]
        for i, part in enumerate(parts[1:], start=1):
            result = result + part * weights[:, i : i + 1]
        return result
