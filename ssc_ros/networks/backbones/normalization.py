"""What every image network begins with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ImageNormalization(nn.Module):
    """[..., 3, H, W] uint8 -> float of zero mean and unit variance over the images of the world.

    Args:
        mean, std: per channel, of values in 0..1.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", 255 * torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Normalise."""
        return (image.to(self.mean) - self.mean) / self.std
