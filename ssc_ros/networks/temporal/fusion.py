"""The temporal volume joins the current one (HTCL, Li et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.networks.volume.blocks import Pointwise3d


class LinearAttention3d(nn.Module):
    """Every voxel of one volume asks all voxels of another, in linear time (Shen et al. 2021).

    Queries are a softmax over their channels, keys one over the voxels: the product of both, which weighs the values,
    sums to 1 over the voxels asked, and need not be held.

    Args:
        channels: of both volumes.
        heads: of the attention.
        width: channels of each head.
    """

    def __init__(self, channels: int, heads: int = 2, width: int = 2) -> None:
        super().__init__()
        self.heads, self.scale = heads, width**-0.5
        self.query = Pointwise3d(channels, heads * width, bias=False)
        self.key_value = Pointwise3d(channels, 2 * heads * width, bias=False)
        self.project = nn.Sequential(Pointwise3d(heads * width, channels), nn.GroupNorm(1, channels))

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """Two [B, C, X, Y, Z] -> [B, C, X, Y, Z], what the first found in the second."""
        query = self._heads(self.query(asking)).softmax(dim=2) * self.scale
        key, value = (self._heads(part) for part in self.key_value(asked).chunk(2, dim=1))
        # [B, heads, width of values, width of keys]; not .mT, which OpenVINO does not know
        summary = value @ key.softmax(dim=3).transpose(2, 3)
        found: Tensor = self.project((summary @ query).flatten(1, 2).unflatten(2, asking.shape[2:]))
        return found

    def _heads(self, volume: Tensor) -> Tensor:
        """[B, heads * width, X, Y, Z] -> [B, heads, width, X * Y * Z]; float32, for sums over all voxels."""
        return volume.float().flatten(2).unflatten(1, (self.heads, -1))


class TemporalFusion(nn.Module):
    """The current volume, plus the temporal one, plus what attention finds in it, by a scale that starts at 0.

    The attention alone (the published fusion) tells every voxel a few numbers about the whole temporal volume, whose
    detail reaches its own place by the sum.

    Args:
        channels: of both volumes.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention = LinearAttention3d(channels)
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, volume: Tensor, temporal: Tensor, known: Tensor) -> Tensor:
        """Fuse.

        Args:
            volume, temporal: [B, C, X, Y, Z].
            known: [B] bool, whether there is a past; without, the current volume is all.

        Returns:
            [B, C, X, Y, Z].
        """
        share = known.to(volume)[:, None, None, None, None]
        return volume + share * (temporal + self.alpha * self.attention(volume, temporal))
