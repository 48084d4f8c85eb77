"""A LiDAR sweep as a volume: a small network per point, then the maximum per voxel (L2COcc's LiDAR model)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssc_ros.core import SceneGrid
from ssc_ros.networks.lidar.voxel_index import PointsInside, points_inside

FEATURES = 6
"""Of a point: offset to the centre of its voxel (3) and position x, y, all in metres, and reflectance."""


class PointEncoder(nn.Module):
    """Points -> [B, C, X, Y, Z]; a voxel without points is zero.

    The batch norms keep running statistics, so that a prediction does not depend on the other points of its sweep;
    the published encoder normalises with the statistics of the sweep itself, at inference too.

    Args:
        grid: the voxels to fill.
        widths: channels of the hidden layers.
        out_channels: channels of the result.
    """

    def __init__(self, grid: SceneGrid, widths: Sequence[int] = (64, 128, 256), out_channels: int = 128) -> None:
        super().__init__()
        self.grid = grid
        layers: list[nn.Module] = [nn.BatchNorm1d(FEATURES)]
        for a, b in itertools.pairwise((FEATURES, *widths)):
            layers += [nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], out_channels))
        self.out_channels = out_channels

    def forward(self, points: Tensor) -> Tensor:
        """Encode a batch of sweeps.

        Args:
            points: [B, N, 4] float32: x, y, z [m] in the grid frame, reflectance. Rows of NaN are padding; points
                outside of the box or on its faces are left out.

        Returns:
            [B, out_channels, X, Y, Z].
        """
        inside = points_inside(points, self.grid)
        volume = points.new_zeros(len(points), self.out_channels, self.grid.size)
        if len(inside.points) < 1 + self.training:  # nothing to pool; a single point has no variance to normalise by
            return volume.unflatten(2, self.grid.shape)
        encoded = self.layers(self._features(inside))
        occupied, cell = torch.unique(inside.voxel, return_inverse=True)
        pooled = encoded.new_zeros(len(occupied), self.out_channels).scatter_reduce(
            0, cell[:, None].expand_as(encoded), encoded, "amax", include_self=False
        )
        volume = volume.to(pooled)
        volume[occupied // self.grid.size, :, occupied % self.grid.size] = pooled
        return volume.unflatten(2, self.grid.shape)

    def _features(self, inside: PointsInside) -> Tensor:
        """[n, 6] of the points inside of the box."""
        xyz, reflectance = inside.points[:, :3], inside.points[:, 3:]
        offset = xyz - xyz.new_tensor(self.grid.min_corner) - (inside.index + 0.5) * xyz.new_tensor(self.grid.edges)
        return torch.cat([offset, xyz[:, :2], reflectance], dim=1)
