"""SGN's and VLScene's head: features, not logits, are enlarged, then each 0.2 m voxel is classified.

The enlarged features (64 x 256 x 256 x 32 floats are 537 MB) are never held outside of `EnlargedLogits.dense`: losses
gather the voxels that they need, and labels are decided slab by slab.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.heads.slabs import SlabLogits, gather_enlarged

SLAB = 8
"""Fine layers along x that are classified at a time."""


@dataclass(frozen=True)
class EnlargedLogits(SlabLogits):
    """Half-resolution features that stand for the classes of their trilinear enlargement, corners on corners.

    Attributes:
        features: [B, F, X, Y, Z], in any precision; what stands for them is in single precision.
        classifier: [..., F] -> [..., C]; class 0 is empty.
    """

    features: Tensor
    classifier: nn.Module
    class_axis = -1

    def dense(self) -> Tensor:
        """[B, C, 2X, 2Y, 2Z] logits at full resolution: the slow reference of the methods below."""
        enlarged = functional.interpolate(self.features.float(), scale_factor=2, mode="trilinear", align_corners=True)
        logits: Tensor = self.classifier(enlarged.movedim(1, -1))
        return logits.movedim(-1, 1)

    def gather(self, index: Tensor) -> Tensor:
        """Logits [N, C] of fine voxels, by their flat C-order index [N] into (B, 2X, 2Y, 2Z)."""
        logits: Tensor = self.classifier(gather_enlarged(self.features.float(), index, _neighbors))
        return logits

    def slabs(self) -> Iterator[Tensor]:
        """The dense logits, [B, up to SLAB, 2Y, 2Z, C] at a time: a trilinear step is a linear and a bilinear one."""
        size = self.features.shape[2]
        for layers in torch.arange(2 * size, device=self.features.device).split(SLAB):
            lower, upper, share = _neighbors(layers, size)
            near, far = (self.features.index_select(2, i).float() for i in (lower, upper))
            slab = torch.lerp(near, far, share[:, None, None]).movedim(2, 1)
            plane = functional.interpolate(slab.flatten(0, 1), scale_factor=2, mode="bilinear", align_corners=True)
            yield self.classifier(plane.movedim(1, -1)).unflatten(0, slab.shape[:2])


def _neighbors(fine: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """See `Neighbors`: the coarse layers below and above each fine one.

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
