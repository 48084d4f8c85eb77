"""Tri-perspective planes: pool a volume to three planes, refine them in 2-D, put them back (L2COcc section III-C)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.backbones.residual import BasicBlock, Norm, ResidualEncoder, TopDownNeck, conv_norm, group_norm
from ssc_ros.networks.volume.aggregation import aggregate
from ssc_ros.networks.volume.blocks import Pointwise3d, as_rows, channels_first, channels_last

PLANES = {"xy": 4, "yz": 2, "zx": 3}
"""Plane -> the axis of [B, C, X, Y, Z] that it collapses."""


class PlanePool(nn.Module):
    """Collapse one axis by learned softmax weights, per slab.

    One slab is the paper's pooling; with more, the axis is cut into that many slabs, each pooled by itself and laid
    out as channels, so that a plane keeps some of the structure it collapses (as height-as-channels networks do).
    """

    def __init__(self, channels: int, axis: int, size: int, slabs: int, out_channels: int) -> None:
        super().__init__()
        self.axis, self.layout = axis - 1, (slabs, size // slabs)
        # a slab of one voxel has nothing to weigh
        self.weight = Pointwise3d(channels, 1, bias=False) if size > slabs else None
        self.project = nn.Sequential(
            nn.Conv2d(channels * slabs, out_channels, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 1),
        )

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> [B, out_channels, H, W], the two axes that are left in their order."""
        slabs = channels_last(volume)
        if self.weight is not None:
            weight = self.weight.of_rows(slabs).unflatten(self.axis, self.layout).softmax(dim=self.axis + 1)
            slabs = (slabs.unflatten(self.axis, self.layout) * weight).sum(dim=self.axis + 1)
        # one slab is nothing to move, and OpenVINO 2026.4 moves an axis of size 1 wrongly before it is flattened
        one = self.layout[0] == 1
        flat = slabs.squeeze(self.axis) if one else slabs.movedim(self.axis, 3).flatten(3)
        plane: Tensor = self.project(channels_first(flat))
        return plane


class PlaneUnpool(nn.Module):
    """The inverse layout of `PlanePool`: a plane back to slabs, each repeated along the collapsed axis.

    A plane of one slab and the volume's own width is put back as it is, as in the paper.
    """

    def __init__(self, in_channels: int, axis: int, size: int, slabs: int, channels: int) -> None:
        super().__init__()
        self.axis, self.slabs, self.thickness = axis - 1, slabs, size // slabs
        as_it_is = slabs == 1 and in_channels == channels
        self.project: nn.Module = nn.Identity() if as_it_is else nn.Conv2d(in_channels, channels * slabs, 1)

    def forward(self, plane: Tensor) -> Tensor:
        """[B, in_channels, H, W] -> [B, C, X, Y, Z]; with one slab the collapsed axis has size 1, to broadcast."""
        volume = channels_last(self.project(plane)).unflatten(3, (self.slabs, -1))
        if self.slabs > 1 and self.thickness > 1:
            volume = volume.repeat_interleave(self.thickness, dim=3)
        return channels_first(volume.movedim(3, self.axis))


class PlaneEncoder(nn.Module):
    """A small 2-D residual U-Net that keeps size and width; shared by the three planes.

    Args:
        width: channels of the planes, kept as an attribute.
        widths: of its levels at 1/4, 1/8, ...
        norm: normalisation of each convolution.
    """

    def __init__(self, width: int, widths: Sequence[int], norm: Norm = group_norm) -> None:
        super().__init__()
        self.width = width
        self.entry = BasicBlock(width, width, norm=norm)
        self.down = ResidualEncoder([width, *widths], 1, in_channels=width, norm=norm)
        self.neck = TopDownNeck(widths, width, norm=norm)
        self.bridge = conv_norm(width, width, 1, norm=norm)
        self.exit = BasicBlock(2 * width, width, norm=norm)

    def forward(self, plane: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """[B, W, h, w] -> the refined [B, W, h, w], and the coarser levels: "stage1" (1/4), ..., "neck0" (1/4)."""
        fine = self.entry(plane)
        stages = self.down(fine)
        neck = self.neck(stages)
        coarse = functional.interpolate(self.bridge(neck), size=fine.shape[-2:], mode="bilinear", align_corners=False)
        refined: Tensor = self.exit(torch.cat([fine, coarse], dim=1))
        return refined, {f"stage{i}": stage for i, stage in enumerate(stages, start=1)} | {"neck0": neck}


class TriPlane(nn.Module):
    """Pool, encode, unpool and aggregate.

    Args:
        channels: of the volume.
        shape: (X, Y, Z) of the volume.
        encoder: shared by the planes; [B, W, h, w] -> the refined plane and its levels by name. It has a `width` W.
        slabs: kept along the collapsed axis, per plane in the order xy, yz, zx; each divides that axis.
        side_by_side: encode the planes as one map, xy | yz | zx along its last axis; X and Y are equal, and the strides
            of the encoder divide Y and Z. So a batch norm has in training the statistics that it has later, unlike one
            that sees one kind of plane after another, and a compiler of graphs can fold it into its convolution.

    Raises:
        ValueError: planes that cannot lie side by side, of unequal X and Y.
    """

    def __init__(
        self,
        channels: int,
        shape: tuple[int, int, int],
        encoder: nn.Module,
        slabs: tuple[int, int, int] = (1, 1, 1),
        *,
        side_by_side: bool = False,
    ) -> None:
        super().__init__()
        if side_by_side and shape[0] != shape[1]:
            raise ValueError(f"planes of a volume of {shape} voxels are not equally high: they cannot lie side by side")
        self.side_by_side = side_by_side
        width: int = encoder.width  # type: ignore[assignment]
        layout = {p: (axis, shape[axis - 2], n) for (p, axis), n in zip(PLANES.items(), slabs, strict=True)}
        self.pools = nn.ModuleDict({p: PlanePool(channels, *axis, width) for p, axis in layout.items()})
        self.encoder = encoder
        self.unpools = nn.ModuleDict({p: PlaneUnpool(width, *axis, channels) for p, axis in layout.items()})
        self.aggregate = Pointwise3d(channels, len(PLANES) + 1, bias=False)

    def forward(self, volume: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Refine a volume.

        Args:
            volume: [B, C, X, Y, Z].

        Returns:
            [B, C, X, Y, Z], a softmax-weighted sum of the three planes and the volume itself, and the taps
            "planes.xy.<level>" (and yz, zx), "aggregate.logits" [B, 4, X, Y, Z] and "aggregate".
        """
        taps: dict[str, Tensor] = {}
        parts = []
        voxels = as_rows(volume)
        volume = channels_first(voxels)
        encoded = self._encoded([self.pools[plane](volume) for plane in PLANES])
        for plane, (refined, levels) in zip(PLANES, encoded, strict=True):
            taps |= {f"planes.{plane}.{name}": level for name, level in levels.items()}
            parts.append(channels_last(self.unpools[plane](refined)))
        parts.append(voxels)
        result, logits = aggregate(self.aggregate.weight, parts)
        refined_volume = channels_first(result)
        return refined_volume, taps | {"aggregate.logits": logits, "aggregate": refined_volume}

    def _encoded(self, planes: list[Tensor]) -> list[tuple[Tensor, dict[str, Tensor]]]:
        """What the encoder makes of each."""
        if not self.side_by_side:
            return [self.encoder(plane) for plane in planes]
        widths = [plane.shape[3] for plane in planes]
        refined, levels = self.encoder(torch.cat(planes, dim=3))
        levels = {name: _apart(level, widths) for name, level in levels.items()}
        return [
            (plane, {name: level[i] for name, level in levels.items()})
            for i, plane in enumerate(_apart(refined, widths))
        ]


def _apart(side_by_side: Tensor, widths: list[int]) -> tuple[Tensor, ...]:
    """A map, perhaps a coarser one than that of these widths, cut along its last axis in their proportion."""
    stride = sum(widths) // side_by_side.shape[3]
    return side_by_side.split([width // stride for width in widths], dim=3)
