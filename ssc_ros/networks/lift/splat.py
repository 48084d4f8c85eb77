"""Lift by splatting: each pixel spreads its features along its ray (Philion & Fidler 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.core import DepthBins, SceneGrid
from ssc_ros.networks.lift.frustum import depth_density, frustum_points


class SplatLift(nn.Module):
    """Voxel features as the sum over all pixels and depths of context times the probability of that depth.

    A point falls into the voxel that holds it (by floor: rounding toward zero would fill the first layer from outside
    of the box), at the centres of cells and bins that the rest of the project uses.

    Args:
        grid: the voxels to fill.
        bins: discretisation of the depth distribution.
        image_size: (height, width) [px] of the image that the projection refers to.
    """

    def __init__(self, grid: SceneGrid, bins: DepthBins, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.grid, self.bins, self.image_size = grid, bins, image_size

    def forward(self, context: Tensor, depth_logits: Tensor, projection: Tensor) -> Tensor:
        """Splat.

        Args:
            context: [B, C, h, w] image features.
            depth_logits: [B, D, h, w].
            projection: [B, 3, 4], grid frame -> pixels of the network's image.

        Returns:
            [B, C, X, Y, Z].
        """
        batch, channels = context.shape[:2]
        target = self._voxels(projection, context.shape[-2:])
        density = depth_density(depth_logits).transpose(0, 1).flatten(1)
        features = context.flatten(2).transpose(1, 2).flatten(0, 1)

        # One bin at a time: all products together would be D times the image features. scatter_add keeps the indices
        # alone for the backward pass; index_add would keep the products.
        volume = density.new_zeros(batch * self.grid.size + 1, channels)
        for voxel, probability in zip(target.unbind(), density.unbind(), strict=True):
            spread = features * probability[:, None]
            volume = volume.scatter_add_(0, voxel[:, None].expand_as(spread), spread)
        volume = volume[:-1].unflatten(0, (batch, -1)).transpose(1, 2)
        return volume.unflatten(2, self.grid.shape).contiguous()

    def _voxels(self, projection: Tensor, size: torch.Size) -> Tensor:
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
