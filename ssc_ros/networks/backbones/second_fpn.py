"""Bring every level of a pyramid to one size and stack them (the neck of SECOND, Yan et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SecondFpn(nn.Module):
    """One (transposed) convolution, batch norm and ReLU per level, then a concatenation.

    Args:
        inputs: channels of the levels, finest first.
        scales: factor by which each level grows; 1 / scale is a whole number where a level shrinks.
        width: channels that each level contributes.
    """

    def __init__(self, inputs: Sequence[int], scales: Sequence[float] = (0.5, 1, 2, 4, 4), width: int = 128) -> None:
        super().__init__()
        self.outputs = width * len(inputs)
        self.levels = nn.ModuleList(
            nn.Sequential(self._resize(channels, width, scale), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
            for channels, scale in zip(inputs, scales, strict=True)
        )

    @staticmethod
    def _resize(inputs: int, outputs: int, scale: float) -> nn.Module:
        if scale < 1:
            return nn.Conv2d(inputs, outputs, step := round(1 / scale), step, bias=False)
        return nn.ConvTranspose2d(inputs, outputs, step := int(scale), step, bias=False)

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Pyramid, finest first -> [B, outputs, h, w]."""
        return torch.cat([level(x) for level, x in zip(self.levels, pyramid, strict=True)], dim=1)
