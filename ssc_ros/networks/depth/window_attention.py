"""Neighbourhood cross-attention between two feature maps (Hassani et al. 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def neighbourhood(size: int, window: int, device: torch.device) -> Tensor:
    """Neighbours of each position on a line; at the border the window moves inwards, so that it is always full.

    Returns:
        [size, window] int64 positions.
    """
    start = (torch.arange(size, device=device) - window // 2).clamp(0, size - window)
    return start[:, None] + torch.arange(window, device=device)


class NeighbourhoodCrossAttention(nn.Module):
    """Each pixel of one map attends to the pixels around it in another; a learned share of that is added to the other.

    Args:
        channels: of both maps; one head.
        window: odd side of the square neighbourhood; neither side of a map may be smaller.
    """

    def __init__(self, channels: int, window: int = 5) -> None:
        super().__init__()
        self.window = window
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.bias = nn.Parameter(torch.zeros(2 * window - 1, 2 * window - 1))
        self.project = nn.Linear(channels, channels)
        self.share = nn.Parameter(torch.zeros(1))
        nn.init.trunc_normal_(self.bias, std=0.02)

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """Two [B, C, H, W] -> [B, C, H, W]: `asked`, and `share` times what `asking` found in it."""
        attended = self._attend(asking.movedim(1, -1), asked.movedim(1, -1))
        return asked + self.share * attended.movedim(-1, 1)

    def _attend(self, asking: Tensor, asked: Tensor) -> Tensor:
        """Two [B, H, W, C] -> [B, H, W, C]."""
        height, width, channels = asked.shape[1:]
        rows = neighbourhood(height, self.window, asked.device)
        columns = neighbourhood(width, self.window, asked.device)
        # selecting rows, then columns, keeps both passes of the gradient in long copies
        around = self.key_value(asked).index_select(1, rows.flatten()).index_select(2, columns.flatten())
        key, value = around.unflatten(2, columns.shape).unflatten(1, rows.shape).chunk(2, dim=-1)  # [B, H, i, W, j, C]
        # scaled behind the product: OpenVINO 2026.4 takes a factor before it for one of its eight bits', and fails
        scores = torch.einsum("bhwc,bhiwjc->bhwij", self.query(asking), key) * channels**-0.5
        weights = (scores + self._position_bias(rows, columns)).flatten(3).softmax(dim=-1).view_as(scores)
        found: Tensor = self.project(torch.einsum("bhwij,bhiwjc->bhwc", weights, value))
        return found

    def _position_bias(self, rows: Tensor, columns: Tensor) -> Tensor:
        """[H, W, window, window] from the displacement of each neighbour."""
        down, right = (
            places - torch.arange(len(places), device=places.device)[:, None] + self.window - 1
            for places in (rows, columns)
        )
        return self.bias[down[:, None, :, None], right[None, :, None, :]]
