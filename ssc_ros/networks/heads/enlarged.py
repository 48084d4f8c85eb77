"""SGN's and VLScene's head: features, not logits, are enlarged, then each 0.2 m voxel is classified.

The enlarged features (64 x 256 x 256 x 32 floats are 537 MB) are never held outside of `EnlargedLogits.dense`: losses
gather the voxels that they need, and labels are decided slab by slab.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.heads.scene_logits import SceneLogits

SLAB = 8
"""Fine layers along x that are classified at a time."""


@dataclass(frozen=True)
class EnlargedLogits(SceneLogits):
    """Half-resolution features that stand for the classes of their trilinear enlargement, corners on corners.

    Attributes:
        features: [B, F, X, Y, Z].
        classifier: [..., F] -> [..., C]; class 0 is empty.
    """

    features: Tensor
    classifier: nn.Module

    def dense(self) -> Tensor:
        """[B, C, 2X, 2Y, 2Z] logits at full resolution: the slow reference of the methods below."""
        enlarged = functional.interpolate(self.features, scale_factor=2, mode="trilinear", align_corners=True)
        logits: Tensor = self.classifier(enlarged.movedim(1, -1))
        return logits.movedim(-1, 1)

    def gather(self, index: Tensor) -> Tensor:
        """Logits of some fine voxels.

        Args:
            index: [N] long, flat C-order index into (B, 2X, 2Y, 2Z).

        Returns:
            [N, C].
        """
        batch, _channels, *shape = self.features.shape
        rows = self.features.movedim(1, -1).flatten(0, -2).float()
        sample, *fine = torch.unravel_index(index, (batch, *(2 * size for size in shape)))
        corners, weights = sample[:, None], rows.new_ones(len(index), 1)
        for layer, size in zip(fine, shape, strict=True):
            lower, upper, share = _neighbors(layer, size)
            corners = (corners[:, :, None] * size + torch.stack([lower, upper], dim=1)[:, None]).flatten(1)
            weights = (weights[:, :, None] * torch.stack([1 - share, share], dim=1)[:, None]).flatten(1)
        enlarged = functional.embedding_bag(corners, rows, per_sample_weights=weights, mode="sum")
        logits: Tensor = self.classifier(enlarged)
        return logits

    def labels(self) -> Tensor:
        """[B, 2X, 2Y, 2Z] uint8: the most probable class of each fine voxel."""
        return self._decided[0]

    def confidence(self) -> Tensor:
        """[B, 2X, 2Y, 2Z] uint8: the probability of the label of `labels`, times 255."""
        return self._decided[1]

    @cached_property
    def _decided(self) -> tuple[Tensor, Tensor]:
        """Labels and confidence, from one pass over the slabs."""
        best = [logits.softmax(dim=-1).max(dim=-1) for logits in self._slabs()]
        labels = torch.cat([slab.indices.to(torch.uint8) for slab in best], dim=1)
        return labels, torch.cat([(255 * slab.values).round().to(torch.uint8) for slab in best], dim=1)

    def _slabs(self) -> Iterator[Tensor]:
        """The dense logits, [B, up to SLAB, 2Y, 2Z, C] at a time: a trilinear step is a linear and a bilinear one."""
        size = self.features.shape[2]
        for layers in torch.arange(2 * size, device=self.features.device).split(SLAB):
            lower, upper, share = _neighbors(layers, size)
            near, far = (self.features.index_select(2, i) for i in (lower, upper))
            slab = torch.lerp(near, far, share[:, None, None].to(near)).movedim(2, 1)
            plane = functional.interpolate(slab.flatten(0, 1), scale_factor=2, mode="bilinear", align_corners=True)
            yield self.classifier(plane.movedim(1, -1)).unflatten(0, slab.shape[:2])


def _neighbors(fine: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Fine layers [N] of an axis of `size` coarse ones -> the coarse ones below and above [N], the latter's share.

    The first and the last fine layer lie on the first and the last coarse one.
    """
    place = fine * ((size - 1) / (2 * size - 1))
    lower = place.long().clamp(max=max(size - 2, 0))
    return lower, (lower + 1).clamp(max=size - 1), place - lower


class EnlargedHead(nn.Module):
    """[B, channels, X, Y, Z] features -> `EnlargedLogits` by layer norm and a linear layer."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.classifier = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, classes))

    def forward(self, volume: Tensor) -> EnlargedLogits:
        """Predict."""
        return EnlargedLogits(volume, self.classifier)
