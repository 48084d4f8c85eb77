"""Bring every level of a pyramid to one size and stack them (the neck of SECOND, Yan et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SecondFpn(nn.Module):
    """One (transposed) convolution, batch norm and ReLU per level, then a concatenation.

    Args:
        in_channels: channels of the levels, finest first.
        scales: factor by which each level grows; 1 / scale is a whole number where a level shrinks.
        width: channels that each level contributes.
    """

    def __init__(
        self, in_channels: Sequence[int], scales: Sequence[float] = (0.5, 1, 2, 4, 4), width: int = 128
    ) -> None:
        super().__init__()
        self.out_channels = width * len(in_channels)
        self.levels = nn.ModuleList(
            nn.Sequential(self._resize(channels, width, scale), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
            for channels, scale in zip(in_channels, scales, strict=True)
        )

    @staticmethod
    def _resize(in_channels: int, out_channels: int, scale: float) -> nn.Module:
        if scale < 1:
            return nn.Conv2d(in_channels, out_channels, step := round(1 / scale), step, bias=False)
        return nn.ConvTranspose2d(in_channels, out_channels, step := int(scale), step, bias=False)

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Pyramid, finest first -> [B, out_channels, h, w]."""
        return torch.cat([level(x) for level, x in zip(self.levels, pyramid, strict=True)], dim=1)
