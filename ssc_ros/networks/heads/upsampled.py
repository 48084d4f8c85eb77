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

from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.volume.blocks import Pointwise3d, conv_group_norm_3d

SLAB = 8
"""Layers of the half-resolution logits, along x, that are enlarged at a time."""


@dataclass(frozen=True)
class UpsampledLogits(SceneLogits):
    """Class logits at half resolution that stand for their trilinear enlargement.

    Attributes:
        half: [B, C, X, Y, Z]; class 0 is empty.
    """

    half: Tensor

    def dense(self) -> Tensor:
        """[B, C, 2X, 2Y, 2Z] logits at full resolution: the slow reference of the methods below."""
        return _enlarge(self.half)

    def gather(self, index: Tensor) -> Tensor:
        """Logits of some fine voxels.

        Args:
            index: [N] long, flat C-order index into (B, 2X, 2Y, 2Z).

        Returns:
            [N, C].
        """
        batch, _classes, *shape = self.half.shape
        rows = self.half.movedim(1, -1).flatten(0, -2)
        sample, *fine = torch.unravel_index(index, (batch, *(2 * size for size in shape)))
        corners, weights = sample[:, None], rows.new_ones(1)
        for coordinate, size in zip(fine, shape, strict=True):
            neighbors = _neighbors(coordinate, size)
            corners = (corners[:, :, None] * size + neighbors[:, None]).flatten(1)
            weights = torch.outer(weights, rows.new_tensor([0.75, 0.25])).flatten()
        return functional.embedding_bag(corners, rows, per_sample_weights=weights.expand_as(corners), mode="sum")

    def labels(self) -> Tensor:
        """[B, 2X, 2Y, 2Z] uint8: the most probable class of each fine voxel."""
        return torch.cat([slab.max(dim=1).indices.to(torch.uint8) for slab in self._slabs()], dim=1)

    def confidence(self) -> Tensor:
        """[B, 2X, 2Y, 2Z] uint8: the probability of the label of `labels`, times 255."""
        best = (slab.softmax(dim=1).amax(dim=1) for slab in self._slabs())
        return torch.cat([(255 * probability).round().to(torch.uint8) for probability in best], dim=1)

    def _slabs(self) -> Iterator[Tensor]:
        """The dense logits in slabs along x, each enlarged from its own layers and one neighbour on either side."""
        layers = self.half.shape[2]
        for start in range(0, layers, SLAB):
            stop = min(start + SLAB, layers)
            first, last = max(start - 1, 0), min(stop + 1, layers)
            yield _enlarge(self.half[:, :, first:last])[:, :, 2 * (start - first) : 2 * (stop - first)]


def _enlarge(logits: Tensor) -> Tensor:
    return functional.interpolate(logits, scale_factor=2, mode="trilinear", align_corners=False)


def _neighbors(fine: Tensor, size: int) -> Tensor:
    """[N] fine layers of an axis -> [N, 2] the coarse ones around them, their parent and the next on their side.

    A fine layer's centre lies a quarter of a coarse layer beside its parent's: the two weigh 3/4 and 1/4. At the ends
    of the axis the last layer continues.
    """
    parent = fine // 2
    other = (parent + 2 * (fine % 2) - 1).clamp(0, size - 1)
    return torch.stack([parent, other], dim=1)


class UpsampledHead(nn.Module):
    """[B, channels, X, Y, Z] features -> `UpsampledLogits`."""

    def __init__(self, channels: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(conv_group_norm_3d(channels, hidden), Pointwise3d(hidden, classes, bias=False))

    def forward(self, volume: Tensor) -> UpsampledLogits:
        """Predict."""
        return UpsampledLogits(self.layers(volume))
