"""Voxels read a volume over image and depth: with gradients by torch, without them, on a CPU, by a compiled loop."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import DepthBins, SceneGrid
from ssc_ros.networks.lift.depth_weighted import project_voxels
from ssc_ros.networks.lift.frustum import frustum_coordinates
from ssc_ros.networks.lift.remembered import Remembered
from ssc_ros.networks.loops import loop, may_loop


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
        self._corners = Remembered[tuple[Tensor, Tensor]]()

    def forward(self, frustum: Tensor, projection: Tensor) -> Tensor:
        """Sample [B, C, D, h, w] by the projection [B, 3, 4], grid frame -> pixels: [B, C, X, Y, Z], 0 out of view."""
        sample = self._gathered if may_loop(frustum) else self._sampled
        return sample(frustum, projection).unflatten(2, self.grid.shape)

    def _sampled(self, frustum: Tensor, projection: Tensor) -> Tensor:
        """[B, C, V]: the slow reference of `_gathered`."""
        coordinates, visible = self._coordinates(projection)
        # grid_sample without align_corners: -1 and 1 are the outer edges; nothing is seen at -2
        at = (2 * coordinates - 1).masked_fill(~visible[..., None], -2)
        return functional.grid_sample(frustum, at[:, :, None, None], align_corners=False)[..., 0, 0]

    def _gathered(self, frustum: Tensor, projection: Tensor) -> Tensor:
        """The same without gradients, on a CPU; the features of a voxel lie side by side."""
        from ssc_ros.networks.lift.gathered import gather_corners  # compiles, so only where it is needed

        first, shares = self._corners(self._locate, projection, tuple(frustum.shape[2:]))
        rows = frustum.float().movedim(1, -1).contiguous()
        volume = rows.new_empty(len(rows), self.grid.size, frustum.shape[1])
        for arrays in zip(rows.numpy(), first.numpy(), shares.numpy(), volume.numpy(), strict=True):
            loop(lambda *part, arrays=arrays: gather_corners(*part, *arrays), self.grid.size)
        return volume.mT

    def _locate(self, projection: Tensor, size: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
        """The eight cells around each voxel in a volume of `size`: see `gathered.gather_corners`."""
        coordinates, visible = self._coordinates(projection)
        cells = torch.tensor(size, device=projection.device)
        position = coordinates.flip(-1) * cells - 0.5
        first = position.floor().clamp(min=torch.zeros_like(cells), max=cells - 2)
        away = position - first
        shares = torch.stack([1 - away.abs(), 1 - (away - 1).abs()], dim=-1).clamp(min=0)
        return first.masked_fill(~visible[..., None], -1).int(), shares

    def _coordinates(self, projection: Tensor) -> tuple[Tensor, Tensor]:
        """As `frustum_coordinates` returns them, of all voxels: [B, V, 3] and [B, V]."""
        voxels = project_voxels(projection, self.grid).flatten(1, 3)
        return frustum_coordinates(voxels, self.image_size, self.bins)
