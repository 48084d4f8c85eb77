"""The efficient voxel transformer (L2COcc section III-B): attention at proposed voxels, a small MLP elsewhere."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import DepthBins, SceneGrid
from ssc_ros.networks.lift.deformable import DepthDeformableAttention
from ssc_ros.networks.lift.depth_weighted import project_voxels
from ssc_ros.networks.lift.frustum import frustum_coordinates
from ssc_ros.networks.lift.remembered import Remembered
from ssc_ros.networks.reparameterize import (
    Reparameterized,
    RootMeanSquareNorm,
    absorb_mean,
    root_mean_square_norm,
)
from ssc_ros.networks.volume.blocks import channels_first, channels_last


class VoxelTransformerLayer(nn.Module):
    """Cross-attention to the image and a feed-forward network, each added to the queries and normalised."""

    def __init__(self, channels: int, heads: int, points: int, hidden: int, context: int, dropout: float) -> None:
        super().__init__()
        self.attention = DepthDeformableAttention(channels, heads, points, context)
        self.attention_norm = nn.LayerNorm(channels)
        self.feed_forward = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout), nn.Linear(hidden, channels)
        )
        self.feed_forward_norm = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, *image: Tensor) -> Tensor:
        """[N, C] -> [N, C]; `image` as `DepthDeformableAttention` takes it after the queries."""
        queries = self.attention_norm(queries + self.dropout(self.attention(queries, *image)))
        result: Tensor = self.feed_forward_norm(queries + self.dropout(self.feed_forward(queries)))
        return result


class _EveryVoxel(nn.Sequential):
    """An MLP for every voxel: [B, C, X, Y, Z] -> the same."""

    def forward(self, volume: Tensor) -> Tensor:
        """Apply it."""
        filled: Tensor = super().forward(channels_last(volume))
        return channels_first(filled)


class PriorFill(_EveryVoxel, Reparameterized):
    """The MLP that is trained.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        narrow = channels // 2
        super().__init__(
            nn.Linear(channels, narrow), nn.LayerNorm(narrow), nn.LeakyReLU(inplace=True), nn.Linear(narrow, channels)
        )

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> the same: what its layers do one after the other, but without a mean to subtract.

        On so few channels torch's layer norm takes four times as long, and under autocast it sums the gradients of its
        weights in bfloat16: they were wrong by a third.
        """
        linear, norm, *rest = self
        assert isinstance(linear, nn.Linear)
        assert isinstance(norm, nn.LayerNorm)
        weight, bias = linear.weight, linear.bias
        rows = functional.linear(channels_last(volume), weight - weight.mean(dim=0), bias - bias.mean())
        rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
        rows = root_mean_square_norm(rows, norm.weight, norm.bias, norm.eps)
        for layer in rest:
            rows = layer(rows)
        return channels_first(rows)

    def fused(self) -> nn.Module:
        """The same without a mean to subtract."""
        linear, norm, *rest = self
        assert isinstance(linear, nn.Linear)
        assert isinstance(norm, nn.LayerNorm)
        return _EveryVoxel(absorb_mean(linear), RootMeanSquareNorm(norm), *copy.deepcopy(rest))


class VoxelTransformer(nn.Module):
    """Refine the proposed voxels of a lifted volume by looking at the image again.

    Every voxel passes the prior fill, an MLP, except the proposed ones, which are the queries of the layers. There
    may be any number of them, none too, in each sample of a batch. (The published code knows one sample, and makes
    queries of all voxels when fewer than two are proposed: such a frame has no stereo, and costs the most.) One
    camera and one level make the published camera and level embeddings a constant added to all features, which the
    bias of the value projection is already: they are left out.

    Args:
        channels: of the volume.
        heads, points: of the attention.
        layers: of the transformer.
        hidden: channels of its feed-forward networks.
        bins: of the depth distribution.
        grid: of the volume.
        image_size: (height, width) [px] of the image that the projection refers to.
        context: channels of the image features; those of the volume if not given.
        dropout: probability, on what the attention and the feed-forward networks add.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        points: int,
        layers: int,
        hidden: int,
        bins: DepthBins,
        grid: SceneGrid,
        image_size: tuple[int, int],
        context: int | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.bins, self.grid, self.image_size = bins, grid, image_size
        self._places = Remembered[tuple[Tensor, Tensor]]()
        self.prior = PriorFill(channels)
        self.layers = nn.ModuleList(
            VoxelTransformerLayer(channels, heads, points, hidden, context or channels, dropout) for _ in range(layers)
        )

    def fill(self, volume: Tensor) -> Tensor:
        """The prior fill of every voxel of a volume [B, C, X, Y, Z]."""
        filled: Tensor = self.prior(volume)
        return filled

    def forward(
        self, volume: Tensor, filled: Tensor, proposals: Tensor, context: Tensor, density: Tensor, projection: Tensor
    ) -> Tensor:
        """Refine.

        Args:
            volume: [B, C, X, Y, Z].
            filled: what `fill` makes of it.
            proposals: [B, X, Y, Z] bool, the voxels to query from.
            context: [B, F, h, w] image features.
            density: [B, D, h, w] probability of each depth bin.
            projection: [B, 3, 4], grid frame -> pixels of the network's image.

        Returns:
            [B, C, X, Y, Z].
        """
        proposed = torch.nonzero(proposals.flatten())[:, 0]
        sample = proposed // self.grid.size
        reference, visible = (x.index_select(0, proposed) for x in self._places(self._locate, projection))

        queries = _rows(volume).index_select(0, proposed)
        for layer in self.layers:
            queries = layer(queries, context, density, reference, visible, sample)
        refined = _rows(filled).index_copy(0, proposed, queries.to(filled))
        return channels_first(refined.view(len(volume), *self.grid.shape, -1))

    def _locate(self, projection: Tensor) -> tuple[Tensor, Tensor]:
        """[B X Y Z, 3] frustum coordinates of the voxels, and [B X Y Z] bool, whether they are in view."""
        return frustum_coordinates(project_voxels(projection, self.grid).view(-1, 3), self.image_size, self.bins)


def _rows(volume: Tensor) -> Tensor:
    """The voxels [B X Y Z, C] of a volume [B, C, X, Y, Z]; a view where its channels are last."""
    return channels_last(volume).flatten(0, 3)
