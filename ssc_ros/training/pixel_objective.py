"""The weighted sum of the losses of image cells, which training minimises."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssc_ros.training.class_objective import ClassObjective


@dataclass(frozen=True)
class PixelObjective(ClassObjective):
    """Weights of the loss terms on image cells; see `ClassObjective`."""

    lovasz: float = 0.0

    def __call__(self, logits: Tensor, labels: Tensor, class_weights: Tensor) -> dict[str, Tensor]:
        """Return weighted terms by name; their sum is minimised.

        Args:
            logits: [B, C, h, w].
            labels: [B, H, W] uint8 train ids of the pixels, 255 ignored; a cell is judged by its middle pixel.
            class_weights: (C,) of the cross entropy.
        """
        return self.terms(logits.float(), middle_pixels(labels, logits.shape[-2:]), class_weights)


def middle_pixels(labels: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Return the labels [B, h, w] of the pixels in the middle of the h x w cells of [B, H, W]."""
    high, wide = labels.shape[-2] // size[0], labels.shape[-1] // size[1]
    return labels[:, high // 2 :: high, wide // 2 :: wide]
