"""Swin transformer stages (Liu et al. 2021) for feature maps of any size, small ones included.

Written out because the published ones assume images: transformers shrinks a layer's window for good once it has met a
map smaller than that, which planes of 16 voxels are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.drop_path import DropPath
from ssc_ros.networks.pretrained import load_weights, read_weights
from ssc_ros.networks.volume.swin_weights import translate


def partition(x: Tensor, window: int) -> Tensor:
    """[B, H, W, C], sides multiples of the window -> [B, windows, window^2, C], windows row by row."""
    x = x.unflatten(2, (-1, window)).unflatten(1, (-1, window))
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def merge(windows: Tensor, window: int, columns: int) -> Tensor:
    """The inverse of `partition`, for so many columns of windows."""
    x = windows.unflatten(2, (window, window)).unflatten(1, (-1, columns))
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def foreign(height: int, width: int, window: int, shift: int, device: torch.device) -> Tensor:
    """Which pairs within a window of a rolled map were no neighbours before the map was rolled.

    Returns:
        [windows, window^2, window^2] bool.
    """

    def side(size: int) -> Tensor:
        position = torch.arange(size, device=device)
        return (position >= size - window).long() + (position >= size - shift)

    region = 3 * side(height)[:, None] + side(width)
    regions = partition(region[None, ..., None], window)[0, ..., 0]
    return regions[:, :, None] != regions[:, None, :]


class WindowAttention(nn.Module):
    """Self-attention within square windows, with a learned bias for each displacement.

    Args:
        channels: of the map.
        heads: divides the channels.
        window: side of a window.
        shift: rolls the map before it is cut, so that the windows of two layers overlap.
    """

    displacement: Tensor

    def __init__(self, channels: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.bias = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias, std=0.02)
        row, column = torch.arange(window**2) // window, torch.arange(window**2) % window
        down, right = (place[:, None] - place + window - 1 for place in (row, column))
        self.register_buffer("displacement", (2 * window - 1) * down + right, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, W, C] -> the same."""
        height, width = x.shape[1:3]
        padded = functional.pad(x, (0, 0, 0, -width % self.window, 0, -height % self.window))
        rolled = padded.roll((-self.shift, -self.shift), (1, 2))
        windows = self.query_key_value(partition(rolled, self.window)).unflatten(-1, (3, self.heads, -1))
        query, key, value = windows.permute(3, 0, 1, 4, 2, 5)  # [B, windows, heads, window^2, C / heads] each
        found = functional.scaled_dot_product_attention(query, key, value, self._score_bias(*padded.shape[1:3]))
        result = merge(self.project(found.transpose(2, 3).flatten(3)), self.window, padded.shape[2] // self.window)
        return result.roll((self.shift, self.shift), (1, 2))[:, :height, :width]

    def _score_bias(self, height: int, width: int) -> Tensor:
        """[windows or 1, heads, window^2, window^2]."""
        bias = self.bias[self.displacement].permute(2, 0, 1)[None]
        if self.shift == 0:
            return bias
        apart = foreign(height, width, self.window, self.shift, bias.device)
        return bias.masked_fill(apart[:, None], -torch.inf)


class SwinBlock(nn.Module):
    """Window attention and a perceptron, each around a shortcut: [B, H, W, C] -> the same."""

    def __init__(self, channels: int, heads: int, window: int, shift: int, drop_path: float) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(channels), WindowAttention(channels, heads, window, shift))
        self.perceptron = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        x = x + self.drop_path(self.attention(x))
        return x + self.drop_path(self.perceptron(x))


class PatchMerging(nn.Module):
    """Four neighbours to one pixel of twice the channels: [B, H, W, C] -> [B, H / 2, W / 2, 2 C], rounded up."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduce = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Merge."""
        x = functional.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        corners = [x[:, row::2, column::2] for column in range(2) for row in range(2)]
        merged: Tensor = self.reduce(self.norm(torch.cat(corners, dim=-1)))
        return merged


class SwinStages(nn.Module):
    """Stages of blocks whose windows are shifted by turns, with a patch merging between two stages.

    Args:
        channels: of the first stage; each further one has twice as many.
        depths, heads: blocks and attention heads per stage.
        window: side of the attention windows.
        drop_path: probability of leaving out a branch of the last block, falling linearly to 0 at the first.
    """

    def __init__(
        self, channels: int, depths: Sequence[int], heads: Sequence[int], window: int = 7, drop_path: float = 0.2
    ) -> None:
        super().__init__()
        self.widths = tuple(channels * 2**i for i in range(len(depths)))
        drops = iter(torch.linspace(0, drop_path, sum(depths), device="cpu").tolist())
        self.stages = nn.ModuleList(
            nn.Sequential(*(SwinBlock(c, h, window, i % 2 * (window // 2), next(drops)) for i in range(depth)))
            for c, depth, h in zip(self.widths, depths, heads, strict=True)
        )
        self.merging = nn.ModuleList(PatchMerging(c) for c in self.widths[:-1])

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, H, W, C] -> per stage [B, H / 2^i, W / 2^i, 2^i C], before it is merged."""
        levels = [self.stages[0](x)]
        for merging, stage in zip(self.merging, self.stages[1:], strict=True):
            levels.append(stage(merging(levels[-1])))
        return levels

    def load_pretrained(self, folder: Path) -> None:
        """Fill the stages from a folder in transformers' format, such as microsoft/swin-tiny-patch4-window7-224's.

        What comes before and after them there belongs to other inputs and outputs and is not taken.

        Raises:
            SscError: the file cannot be read or holds another architecture.
        """
        load_weights(self, translate(read_weights(folder, "swin.")), folder)
