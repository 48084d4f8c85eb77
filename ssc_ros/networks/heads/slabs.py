"""What the heads share whose logits stand for a trilinear enlargement: voxels gathered, labels decided slab by slab."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from ssc_ros.networks.heads.scene_logits import SceneLogits

Neighbors = Callable[[Tensor, int], tuple[Tensor, Tensor, Tensor]]
"""Fine layers [N] of an axis of so many coarse ones -> the two coarse ones around each, and the share of the second."""


def gather_enlarged(volume: Tensor, index: Tensor, neighbors: Neighbors) -> Tensor:
    """Some voxels of the trilinear enlargement of a volume to twice its size.

    Args:
        volume: [B, F, X, Y, Z].
        index: [N] long, flat C-order index into (B, 2X, 2Y, 2Z).
        neighbors: where the fine layers of an axis lie among the coarse ones.

    Returns:
        [N, F].
    """
    batch, _channels, *shape = volume.shape
    rows = volume.movedim(1, -1).flatten(0, -2)
    sample, *fine = torch.unravel_index(index, (batch, *(2 * size for size in shape)))
    corners, weights = sample[:, None], rows.new_ones(len(index), 1)
    for layer, size in zip(fine, shape, strict=True):
        near, far, share = neighbors(layer, size)
        corners = (corners[:, :, None] * size + torch.stack([near, far], dim=1)[:, None]).flatten(1)
        weights = (weights[:, :, None] * torch.stack([1 - share, share], dim=1)[:, None].to(rows)).flatten(1)
    return functional.embedding_bag(corners, rows, per_sample_weights=weights, mode="sum")


class SlabLogits(SceneLogits):
    """Scene logits that are decided a few layers along x at a time."""

    class_axis: ClassVar[int]
    """Of the slabs."""

    @abstractmethod
    def slabs(self) -> Iterator[Tensor]:
        """The dense logits in slabs along x: [B, C, x, 2Y, 2Z], the classes at `class_axis`."""

    def labels(self) -> Tensor:
        """[B, 2X, 2Y, 2Z] uint8."""
        return torch.cat([logits.argmax(dim=self.class_axis).to(torch.uint8) for logits in self.slabs()], dim=1)

    def decide(self) -> tuple[Tensor, Tensor]:
        """Labels and confidence [B, 2X, 2Y, 2Z] uint8, in one pass."""
        best = [logits.softmax(dim=self.class_axis).max(dim=self.class_axis) for logits in self.slabs()]
        labels = torch.cat([slab.indices.to(torch.uint8) for slab in best], dim=1)
        return labels, torch.cat([(255 * slab.values).round().to(torch.uint8) for slab in best], dim=1)
