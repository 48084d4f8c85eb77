"""Lift by sampling: each voxel reads its pixel's features, weighted by the probability of the voxel's depth.

The same product of context and depth distribution that lift-splat scatters (Philion & Fidler 2020) and that
three-dimensional deformable attention samples (DFA3D, Li et al. 2023), read from the voxel's side with one reference
point per voxel: no scatter, and no frustum larger than the image.

On a GPU it is torch's `grid_sample`; on a CPU it is a compiled loop over voxels, and in training another one for its
gradient. The places of the voxels depend on the calibration alone and are remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import DepthBins, SceneGrid
from ssc_ros.networks.lift.frustum import frustum_coordinates, lower_neighbor
from ssc_ros.networks.lift.remembered import Remembered
from ssc_ros.networks.loops import bits, loop, may_learn_by_loops

MEASURES = 3
"""Channels beside those of the context: density, free space, visibility."""


def project_voxels(projection: Tensor, grid: SceneGrid) -> Tensor:
    """Pixel and depth of every voxel centre.

    Args:
        projection: [B, 3, 4], grid frame [m] -> homogeneous pixel (u d, v d, d).
        grid: the voxels.

    Returns:
        [B, X, Y, Z, 3]: u, v [px] and depth [m]; u and v are meaningless where the depth is not positive.
    """
    axes = [
        torch.arange(n, device=projection.device, dtype=projection.dtype).add_(0.5).mul_(edge).add_(corner)
        for n, edge, corner in zip(grid.shape, grid.edges, grid.min_corner, strict=True)
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
    """Where voxels read, in maps and rays that zeros surround; see `gathered.gather`.

    Attributes:
        first, bins: [B, P, V] int32, of the P voxels in each of V wide ones.
        right, below, far: [B, P, V].
    """

    first: Tensor
    bins: Tensor
    right: Tensor
    below: Tensor
    far: Tensor

    def of(self, scene: int) -> tuple[NDArray[Any], ...]:
        """Of one scene of the batch, in the order of `gathered.gather`."""
        return tuple(x[scene].numpy() for x in (self.first, self.bins, self.right, self.below, self.far))


class DepthWeightedLift(nn.Module):
    """Voxel features from image context and a depth distribution.

    Args:
        grid: the voxels to fill.
        bins: discretisation of the depth distribution.
        image_size: (height, width) [px] of the image that the projection refers to.
        width: how many of these voxels lie in a wider one along x, and as many along y: the result is a volume of wider
            voxels, which hold the features of theirs side by side, and so see several places of the image.
    """

    def __init__(self, grid: SceneGrid, bins: DepthBins, image_size: tuple[int, int], width: int = 1) -> None:
        super().__init__()
        self.grid, self.bins, self.image_size, self.width = grid, bins, image_size, width
        self._places = Remembered[_Places]()

    def out_channels(self, context: int) -> int:
        """Channels of the result, for so many of the context."""
        return (context + MEASURES) * self.width**2

    def forward(self, context: Tensor, density: Tensor, projection: Tensor) -> Tensor:
        """Sample.

        Args:
            context: [B, C, h, w] image features.
            density: [B, D, h, w] probability of each depth bin.
            projection: [B, 3, 4], grid frame -> pixels of the network's image.

        Returns:
            [B, out_channels, X / width, Y / width, Z]: context times the density at the voxel's depth, then that
            density, the probability that the pixel's ray ends behind the voxel (it is free), and whether the voxel is
            in view; all of them for each of the `width`^2 voxels in turn.
        """
        sample = self._gathered if may_learn_by_loops(context) else self._sampled
        x, y, z = self.grid.shape
        return sample(context, density, projection).unflatten(2, (x // self.width, y // self.width, z))

    def _sampled(self, context: Tensor, density: Tensor, projection: Tensor) -> Tensor:
        """[B, out_channels, wide voxels]: the slow reference of `_gathered`."""
        coordinates, visible = frustum_coordinates(self._voxels(projection), self.image_size, self.bins)
        # grid_sample without align_corners: -1 and 1 are the outer edges; nothing is seen at -2
        at = (2 * coordinates - 1).masked_fill(~visible[..., None], -2)

        behind = density.flip(1).cumsum(1).flip(1)
        rays = functional.grid_sample(torch.stack([density, behind], dim=1), at[:, :, None, None], align_corners=False)
        # contiguous: a strided grid takes a kernel that is ten times slower
        seen = functional.grid_sample(context, at[:, :, None, :2].contiguous(), align_corners=False)[..., 0]
        rays = rays.flatten(2)
        volume = torch.cat([seen * rays[:, :1], rays, visible[:, None].to(seen)], dim=1)
        return volume.unflatten(2, (self.width**2, -1)).movedim(2, 1).flatten(1, 2)

    def _gathered(self, context: Tensor, density: Tensor, projection: Tensor) -> Tensor:
        """The same by loops on a CPU; the outputs of a voxel lie side by side."""
        places = self._places(self._locate, projection, (context.shape[2], context.shape[3]))
        volume: Tensor = _Gather.apply(context, density, places)
        return volume.flatten(2).mT

    def _locate(self, projection: Tensor, size: tuple[int, int]) -> _Places:
        """Where the voxels read in an image of `size` cells."""
        coordinates, visible = frustum_coordinates(self._voxels(projection), self.image_size, self.bins)
        sizes = size[1], size[0], self.bins.count
        (x, right), (y, below), (k, far) = map(lower_neighbor, coordinates.unbind(-1), sizes)
        first = (y * (size[1] + 2) + x).masked_fill(~visible, -1)
        return _Places(*(of.unflatten(1, (self.width**2, -1)) for of in (first.int(), k.int(), right, below, far)))

    def _voxels(self, projection: Tensor) -> Tensor:
        """[B, V, 3], pixel and depth of the voxels in the order of the result: place in the wider voxel, X, Y, Z."""
        parts = project_voxels(projection, self.grid).unflatten(1, (-1, self.width)).unflatten(3, (-1, self.width))
        return parts.permute(0, 2, 4, 1, 3, 5, 6).flatten(1, 5)


class _Gather(torch.autograd.Function):
    """Context [B, C, h, w], density [B, D, h, w] and places of P V voxels -> [B, V, P, C + 3]."""

    @staticmethod
    def forward(ctx: Any, context: Tensor, density: Tensor, places: _Places) -> Tensor:
        from ssc_ros.networks.lift.gathered import gather, ray_table  # compiles, so only where it is needed

        batch, channels, height, width = context.shape
        bins, (parts, wide) = density.shape[1], places.first.shape[1:]
        rows = functional.pad(context.float(), (1, 1, 1, 1)).permute(0, 2, 3, 1).reshape(batch, -1, channels)
        tables = torch.empty(batch, height + 2, width + 2, bins + 3)
        small = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        volume = torch.empty(batch, wide, parts, channels + MEASURES, dtype=torch.bfloat16 if small else None)
        for b in range(batch):
            rays = density[b].float().movedim(0, -1).contiguous().numpy(), tables[b].numpy()
            loop(lambda *part, rays=rays: ray_table(*part, *rays), height + 2)
            what = rows[b].numpy(), tables[b].flatten(0, 1).numpy(), width + 2, *places.of(b), bits(volume)[b].numpy()
            loop(lambda *part, what=what: gather(*part, *what), wide)
        ctx.save_for_backward(rows, tables)
        ctx.places, ctx.dtypes = places, (context.dtype, density.dtype)
        return volume

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        from ssc_ros.networks.lift.scattered import density_gradient, scatter  # compiles, so only where it is needed

        rows, tables = ctx.saved_tensors
        batch, height, width, bins = tables.shape
        of_rows, of_tables = torch.zeros_like(rows), torch.zeros_like(tables)
        density = torch.empty(batch, height - 2, width - 2, bins - 3)
        received = bits(gradient.contiguous())

        def of_scenes(begin: int, end: int) -> None:
            for b in range(begin, end):
                read, sums = rows[b].numpy(), tables[b].flatten(0, 1).numpy()
                written = of_rows[b].numpy(), of_tables[b].flatten(0, 1).numpy()
                scatter(read, sums, width, *ctx.places.of(b), received[b].numpy(), *written)
                density_gradient(of_tables[b].numpy(), density[b].numpy())

        loop(of_scenes, batch)
        context = of_rows.unflatten(1, (height, width))[:, 1:-1, 1:-1].movedim(-1, 1)
        return context.to(ctx.dtypes[0]), density.movedim(-1, 1).to(ctx.dtypes[1]), None


class ReducedLift(nn.Module):
    """A lift of fewer channels than the image features have.

    Args:
        context: channels of the image features.
        channels: to which they are reduced before they are lifted (which is the same as after, and less work).
        lift: of these.
    """

    def __init__(self, context: int, channels: int, lift: DepthWeightedLift) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(context, channels, 1)
        self.lift = lift

    def forward(self, context: Tensor, density: Tensor, projection: Tensor) -> Tensor:
        """As `DepthWeightedLift`."""
        volume: Tensor = self.lift(self.reduce(context), density, projection)
        return volume
