"""The paper's head: class logits at half resolution, enlarged trilinearly (L2COcc section III-C).

The enlarged logits (20 x 256 x 256 x 32 floats) are never held outside of `UpsampledLogits.dense`: losses gather the
voxels that they need, and labels are decided slab by slab.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.heads.slabs import SlabLogits, gather_enlarged
from ssc_ros.networks.volume.blocks import Pointwise3d, conv_group_norm_3d

SLAB = 8
"""Layers of the half-resolution logits, along x, that are enlarged at a time."""


@dataclass(frozen=True)
class UpsampledLogits(SlabLogits):
    """Class logits at half resolution that stand for their trilinear enlargement.

    Attributes:
        half: [B, C, X, Y, Z], in any precision; class 0 is empty. What stands for it is in single precision.
    """

    half: Tensor
    class_axis = 1

    def dense(self) -> Tensor:
        """[B, C, 2X, 2Y, 2Z] logits at full resolution: the slow reference of the methods below."""
        return _enlarge(self.half)

    def gather(self, index: Tensor) -> Tensor:
        """Logits [N, C] of fine voxels, by their flat C-order index [N] into (B, 2X, 2Y, 2Z)."""
        return gather_enlarged(self.half.float(), index, _neighbors)

    def slabs(self) -> Iterator[Tensor]:
        """The dense logits in slabs along x, each enlarged from its own layers and one neighbour on either side."""
        layers = self.half.shape[2]
        for start in range(0, layers, SLAB):
            stop = min(start + SLAB, layers)
            first, last = max(start - 1, 0), min(stop + 1, layers)
            yield _enlarge(self.half[:, :, first:last])[:, :, 2 * (start - first) : 2 * (stop - first)]


def _enlarge(logits: Tensor) -> Tensor:
    return functional.interpolate(logits.float(), scale_factor=2, mode="trilinear", align_corners=False)


def _neighbors(fine: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """See `Neighbors`: the parent of each fine layer, and the next coarse layer on its side.

    A fine layer's centre lies a quarter of a coarse layer beside its parent's: the two weigh 3/4 and 1/4. At the ends
    of the axis the last layer continues.
    """
    parent = fine // 2
    other = (parent + 2 * (fine % 2) - 1).clamp(0, size - 1)
    return parent, other, torch.full(fine.shape, 0.25, device=fine.device)


class UpsampledHead(nn.Module):
    """[B, channels, X, Y, Z] features -> `UpsampledLogits`."""

    def __init__(self, channels: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(conv_group_norm_3d(channels, hidden), Pointwise3d(hidden, classes, bias=False))

    def forward(self, volume: Tensor) -> UpsampledLogits:
        """Predict."""
        return UpsampledLogits(self.layers(volume))
