"""Lift by sampling: each voxel reads its pixel's features, weighted by the probability of the voxel's depth.

The same product of context and depth distribution that lift-splat scatters (Philion & Fidler 2020) and that
three-dimensional deformable attention samples (DFA3D, Li et al. 2023), read from the voxel's side with one reference
point per voxel: no scatter, and no frustum larger than the image.

Where a voxel reads depends on the calibration alone. Without gradients the sample is a weighted sum of rows at places
that are remembered; with them it is torch's `grid_sample`, whose backward pass is faster than that of the sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import DepthBins, SceneGrid
from ssc_ros.networks.lift.frustum import depth_density, frustum_coordinates, lower_neighbor
from ssc_ros.networks.lift.remembered import Remembered


def project_voxels(projection: Tensor, grid: SceneGrid) -> Tensor:
    """Pixel and depth of every voxel centre.

    Args:
        projection: [B, 3, 4], grid frame [m] -> homogeneous pixel (u d, v d, d).
        grid: the voxels.

    Returns:
        [B, X, Y, Z, 3]: u, v [px] and depth [m]; u and v are meaningless where the depth is not positive.
    """
    axes = [
        torch.arange(n, device=projection.device, dtype=projection.dtype).add_(0.5).mul_(grid.voxel_size).add_(corner)
        for n, corner in zip(grid.shape, grid.min_corner, strict=True)
    ]
    # A projection is affine in each axis: three outer sums replace a product with every centre.
    x, y, z = (projection[:, None, :, i] * axes[i][None, :, None] for i in range(3))
    homogeneous = (
        x[:, :, None, None] + y[:, None, :, None] + z[:, None, None, :] + projection[:, None, None, None, :, 3]
    )
    depth = homogeneous[..., 2:]
    return torch.cat([homogeneous[..., :2] / depth.clamp(min=1e-3), depth], dim=-1)


@dataclass(frozen=True)
class _Places:
    """Where the N voxels of a batch read, in maps with a ring of zeros around them; weights are 0 out of view.

    Attributes:
        cells, cell_weights: [N, 4] the cells around a voxel's pixel, flat in (B, h + 2, w + 2).
        bins, bin_weights: [N, 8] the bins around it in those cells, flat in (B, h + 2, w + 2, D + 2).
        visible: [B, V] bool.
    """

    cells: Tensor
    cell_weights: Tensor
    bins: Tensor
    bin_weights: Tensor
    visible: Tensor


class DepthWeightedLift(nn.Module):
    """Voxel features from image context and a depth distribution.

    Args:
        grid: the voxels to fill.
        bins: discretisation of the depth distribution.
        image_size: (height, width) [px] of the image that the projection refers to.
    """

    def __init__(self, grid: SceneGrid, bins: DepthBins, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.grid, self.bins, self.image_size = grid, bins, image_size
        self._places = Remembered[_Places]()

    @property
    def extra_channels(self) -> int:
        """Channels that the result has beyond those of the context."""
        return 3

    def forward(self, context: Tensor, depth_logits: Tensor, projection: Tensor) -> Tensor:
        """Sample.

        Args:
            context: [B, C, h, w] image features.
            depth_logits: [B, D, h, w].
            projection: [B, 3, 4], grid frame -> pixels of the network's image.

        Returns:
            [B, C + 3, X, Y, Z]: context times the density at the voxel's depth, then that density, the probability
            that the pixel's ray ends behind the voxel (it is free), and whether the voxel is in view.
        """
        sample = self._sampled if torch.is_grad_enabled() or context.is_meta else self._gathered
        return sample(context, depth_logits, projection)

    def _sampled(self, context: Tensor, depth_logits: Tensor, projection: Tensor) -> Tensor:
        """The slow reference of `_gathered`."""
        batch, channels = context.shape[:2]
        voxels = project_voxels(projection, self.grid)
        coordinates, visible = frustum_coordinates(voxels, self.image_size, self.bins)
        # grid_sample without align_corners: -1 and 1 are the outer edges; nothing is seen at -2
        at = (2 * coordinates - 1).masked_fill(~visible[..., None], -2)

        density = depth_density(depth_logits)
        behind = density.flip(1).cumsum(1).flip(1)
        rays = functional.grid_sample(torch.stack([density, behind], dim=1), at, align_corners=False)

        # contiguous: a strided grid takes a kernel that is ten times slower
        flat = at[..., :2].reshape(batch, -1, 1, 2).contiguous()
        seen = functional.grid_sample(context, flat, align_corners=False).reshape(batch, channels, *self.grid.shape)
        return torch.cat([seen * rays[:, :1], rays, visible[:, None].to(seen)], dim=1)

    def _gathered(self, context: Tensor, depth_logits: Tensor, projection: Tensor) -> Tensor:
        """The same without gradients, in the dtype of the context."""
        batch, channels = context.shape[:2]
        places = self._places(self._locate, projection, tuple(context.shape[-2:]))

        density = depth_density(depth_logits.movedim(1, -1), dim=-1)
        behind = (1 + density) - density.cumsum(-1)
        table = functional.pad(torch.stack([density, behind], dim=-1), (0, 0, 1, 1, 1, 1, 1, 1)).flatten(0, -2)
        rays = functional.embedding_bag(places.bins, table, per_sample_weights=places.bin_weights, mode="sum")

        rows = functional.pad(context.float(), (1, 1, 1, 1)).movedim(1, -1).flatten(0, -2)
        weights = places.cell_weights * rays[:, :1]
        seen = functional.embedding_bag(places.cells, rows, per_sample_weights=weights, mode="sum")

        volume = context.new_empty(batch, channels + self.extra_channels, self.grid.size)
        volume[:, :channels] = seen.to(volume).unflatten(0, (batch, -1)).mT
        volume[:, channels:-1] = rays.to(volume).unflatten(0, (batch, -1)).mT
        volume[:, -1] = places.visible
        return volume.unflatten(2, self.grid.shape)

    def _locate(self, projection: Tensor, size: tuple[int, int]) -> _Places:
        """Where the voxels read in an image of `size` cells."""
        height, width = size
        voxels = project_voxels(projection, self.grid).flatten(1, 3)
        coordinates, visible = frustum_coordinates(voxels, self.image_size, self.bins)
        (x, right), (y, below), (k, behind) = (
            lower_neighbor(at, n)
            for at, n in zip(coordinates.unbind(-1), (width, height, self.bins.count), strict=True)
        )
        sample = torch.arange(len(projection), device=projection.device)[:, None]
        corner = torch.tensor([0, 1, width + 2, width + 3], device=projection.device)
        cells = (((sample * (height + 2) + y) * (width + 2) + x)[..., None] + corner).flatten(0, 1)
        weights = torch.stack(
            [(1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below], dim=-1
        )
        weights = (weights * visible[..., None]).flatten(0, 1)
        first = cells * (self.bins.count + 2) + k.flatten()[:, None]
        share = behind.flatten()[:, None]
        bins = torch.cat([first, first + 1], dim=1)
        bin_weights = torch.cat([weights * (1 - share), weights * share], dim=1)
        return _Places(cells.int(), weights, bins.int(), bin_weights, visible)


class FrustumSampling(nn.Module):
    """Voxel features as those of a volume over image and depth, at the voxel's centre.

    Args:
        grid: the voxels to fill.
        bins: depths of the volume.
        image_size: (height, width) [px] of the image that the projection refers to.
    """

    def __init__(self, grid: SceneGrid, bins: DepthBins, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.grid, self.bins, self.image_size = grid, bins, image_size

    def forward(self, frustum: Tensor, projection: Tensor) -> Tensor:
        """Sample [B, C, D, h, w] by the projection [B, 3, 4], grid frame -> pixels: [B, C, X, Y, Z], 0 out of view."""
        coordinates, visible = frustum_coordinates(project_voxels(projection, self.grid), self.image_size, self.bins)
        at = (2 * coordinates - 1).masked_fill(~visible[..., None], -2)
        return functional.grid_sample(frustum, at, align_corners=False)
