"""A LiDAR sweep as a volume: a small network per point, then the maximum per voxel (L2COcc's LiDAR model)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssc_ros.core import SceneGrid

FEATURES = 6
"""Of a point: offset to the centre of its voxel (3) and position x, y, all in metres, and reflectance."""


class PointEncoder(nn.Module):
    """Points -> [B, C, X, Y, Z]; a voxel without points is zero.

    The batch norms keep running statistics, so that a prediction does not depend on the other points of its sweep;
    the published encoder normalises with the statistics of the sweep itself, at inference too.

    Args:
        grid: the voxels to fill.
        widths: channels of the hidden layers.
        outputs: channels of the result.
    """

    def __init__(self, grid: SceneGrid, widths: Sequence[int] = (64, 128, 256), outputs: int = 128) -> None:
        super().__init__()
        self.grid = grid
        layers: list[nn.Module] = [nn.BatchNorm1d(FEATURES)]
        for a, b in itertools.pairwise((FEATURES, *widths)):
            layers += [nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))
        self.outputs = outputs

    def forward(self, points: Tensor) -> Tensor:
        """Encode a batch of sweeps.

        Args:
            points: [B, N, 4] float32: x, y, z [m] in the grid frame, reflectance. Rows of NaN are padding; points
                outside of the box or on its faces are left out.

        Returns:
            [B, outputs, X, Y, Z].
        """
        sample, voxel, features = self._inside(points)
        volume = points.new_zeros(len(points), self.outputs, self.grid.size)
        if len(features) < 1 + self.training:  # nothing to pool; a single point has no variance to normalise by
            return volume.unflatten(2, self.grid.shape)
        encoded = self.layers(features)
        occupied, cell = torch.unique(sample * self.grid.size + voxel, return_inverse=True)
        pooled = encoded.new_zeros(len(occupied), self.outputs).scatter_reduce(
            0, cell[:, None].expand_as(encoded), encoded, "amax", include_self=False
        )
        volume = volume.to(pooled)
        volume[occupied // self.grid.size, :, occupied % self.grid.size] = pooled
        return volume.unflatten(2, self.grid.shape)

    def _inside(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sample [n] and flat voxel index [n] (both long) and features [n, 6] of the points inside of the box."""
        corner, far = (points.new_tensor(c) for c in (self.grid.min_corner, self.grid.max_corner))
        xyz = points[..., :3]
        sample, row = torch.nonzero(((xyz > corner) & (xyz < far)).all(dim=-1), as_tuple=True)
        kept = points[sample, row]
        xyz, reflectance = kept[:, :3], kept[:, 3:]
        shape = torch.tensor(self.grid.shape, device=points.device)
        # rounding may lift a point just inside of the far face onto it
        index = torch.minimum(((xyz - corner) / self.grid.voxel_size).long(), shape - 1)
        offset = xyz - corner - (index + 0.5) * self.grid.voxel_size
        x, y, z = index.unbind(1)
        voxel = (x * self.grid.shape[1] + y) * self.grid.shape[2] + z
        return sample, voxel, torch.cat([offset, xyz[:, :2], reflectance], dim=1)
