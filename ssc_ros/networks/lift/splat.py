"""Lift by splatting: each pixel spreads its features along its ray (Philion & Fidler 2020)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ssc_ros.core import DepthBins, SceneGrid
from ssc_ros.networks.lift.frustum import frustum_points
from ssc_ros.networks.lift.remembered import Remembered


class _Splat(nn.Module):
    """A sum over the cells of the image and their depths.

    A point falls into the voxel that holds it (by floor: rounding toward zero would fill the first layer from outside
    of the box), at the centres of cells and bins that the rest of the project uses.

    Args:
        grid: the voxels to fill.
        bins: the depths.
        image_size: (height, width) [px] of the image that the projection refers to.
    """

    def __init__(self, grid: SceneGrid, bins: DepthBins, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.grid, self.bins, self.image_size = grid, bins, image_size
        self._places = Remembered[Tensor]()

    def _sum(self, layers: Iterable[Tensor], channels: int, size: tuple[int, ...], projection: Tensor) -> Tensor:
        """Features [B h w, C] of each depth in turn, of an image of `size` cells -> [B, C, X, Y, Z] float32."""
        # One depth at a time: all products together would be D times the image features. scatter_add keeps the indices
        # alone for the backward pass; index_add would keep the products.
        volume = projection.new_zeros(len(projection) * self.grid.size + 1, channels)
        for voxel, features in zip(self._places(self._voxels, projection, size).unbind(), layers, strict=True):
            spread = features.to(volume)
            volume = volume.scatter_add_(0, voxel[:, None].expand_as(spread), spread)
        volume = volume[:-1].unflatten(0, (len(projection), -1)).transpose(1, 2)
        return volume.unflatten(2, self.grid.shape).contiguous()

    def _voxels(self, projection: Tensor, size: tuple[int, ...]) -> Tensor:
        """[D, B h w] long: flat (batch, voxel) index of each point; one past the last for those outside of the box."""
        points = frustum_points(projection, (size[0], size[1]), self.image_size, self.bins)
        index = ((points - points.new_tensor(self.grid.min_corner)) / self.grid.voxel_size).floor().long()
        shape = torch.tensor(self.grid.shape, device=index.device)
        inside = ((index >= 0) & (index < shape)).all(dim=-1)
        x, y, z = index.unbind(-1)
        sample = torch.arange(len(projection), device=index.device)[:, None, None, None]
        flat = ((sample * self.grid.shape[0] + x) * self.grid.shape[1] + y) * self.grid.shape[2] + z
        outside = len(projection) * self.grid.size
        return flat.masked_fill(~inside, outside).transpose(0, 1).flatten(1)


class SplatLift(_Splat):
    """Voxel features as the sum over all pixels and depths of context times the probability of that depth.

    Args:
        grid: the voxels to fill.
        bins: of the depth distribution.
        image_size: (height, width) [px] of the image that the projection refers to.
    """

    def forward(self, context: Tensor, density: Tensor, projection: Tensor) -> Tensor:
        """Splat.

        Args:
            context: [B, C, h, w] image features.
            density: [B, D, h, w] probability of each depth bin.
            projection: [B, 3, 4], grid frame -> pixels of the network's image.

        Returns:
            [B, C, X, Y, Z].
        """
        features = _rows(context)
        layers = (features * probability[:, None] for probability in density.transpose(0, 1).flatten(1).unbind())
        return self._sum(layers, context.shape[1], context.shape[-2:], projection)


class FrustumSplat(_Splat):
    """Voxel features as the sum of features that have a depth already.

    Args:
        grid: the voxels to fill.
        bins: depths of the features.
        image_size: (height, width) [px] of the image that the projection refers to.
    """

    def forward(self, frustum: Tensor, projection: Tensor) -> Tensor:
        """Splat [B, C, D, h, w] by the projection [B, 3, 4], grid frame -> pixels: [B, C, X, Y, Z]."""
        return self._sum(map(_rows, frustum.unbind(2)), frustum.shape[1], frustum.shape[-2:], projection)


def _rows(image: Tensor) -> Tensor:
    """[B, C, h, w] -> [B h w, C]."""
    return image.flatten(2).transpose(1, 2).flatten(0, 1)
