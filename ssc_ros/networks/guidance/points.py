"""Points as a volume of evidence: where something was measured, and how much its surroundings agree (SGN)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.core import SceneGrid
from ssc_ros.networks.guidance.multi_scale import MultiScaleFusion, SparseResidualBlock
from ssc_ros.networks.lidar.voxel_index import PointsInside, points_inside
from ssc_ros.networks.sparse.sites import Sites
from ssc_ros.networks.sparse.volume import SparseVolume

FEATURES = 9
"""Of a point: its place in the box (3), and its offsets from the mean of its voxel's points and from its centre (3, 3).

The box spans -1 to 1 and a voxel has size 1; the published features are in metres, which a linear layer takes as well
after some training."""


def measured_voxels(points: Tensor, grid: SceneGrid) -> Tensor:
    """Voxels that hold a point: [B, N, 3] in metres, NaN fills up -> [B, X, Y, Z] bool."""
    held = torch.zeros(len(points) * grid.size, dtype=torch.bool, device=points.device)
    held = held.index_fill(0, points_inside(points, grid).voxel, True)
    return held.reshape(-1, *grid.shape)


class PointEvidence(nn.Module):
    """Points -> [B, X, Y, Z] from 0 to 1, zero in voxels without points.

    Args:
        grid: the voxels.
        channels: of the hidden features.
        blocks: residual blocks on the voxels that hold points.
    """

    def __init__(self, grid: SceneGrid, channels: int = 16, blocks: int = 2) -> None:
        super().__init__()
        self.grid = grid
        self.encoder = nn.Sequential(
            nn.Linear(FEATURES, channels),
            nn.LayerNorm(channels),
            nn.ReLU(inplace=True),
            nn.Linear(channels, channels),
        )
        self.blocks = nn.Sequential(*(SparseResidualBlock(channels, channels) for _ in range(blocks)))
        self.fusion = MultiScaleFusion(channels, 1, channels)

    def forward(self, points: Tensor) -> Tensor:
        """Weigh the evidence.

        Args:
            points: [B, N, 3] float32 [m] in the grid frame. Rows of NaN are padding; points outside of the box or on
                its faces are left out.
        """
        inside = points_inside(points, self.grid)
        if len(inside.points) == 0:
            return points.new_zeros(len(points), *self.grid.shape)
        sites, rows = Sites.holding(inside.voxel, self.grid.shape, len(points))
        encoded = self.encoder(self._features(inside, rows, len(sites)))
        volume = SparseVolume(_means(encoded, rows, len(sites)), sites)
        evidence = self.fusion(self.blocks(volume))
        return evidence.replaced(evidence.features.sigmoid()).dense()[:, 0]

    def _features(self, inside: PointsInside, rows: Tensor, count: int) -> Tensor:
        """[n, 9] of points that lie in the voxels `rows` [n] of `count`."""
        corner, far = (inside.points.new_tensor(c) for c in (self.grid.min_corner, self.grid.max_corner))
        place = 2 * (inside.points - corner) / (far - corner) - 1
        within = (inside.points - corner) / self.grid.voxel_size - inside.index - 0.5
        return torch.cat([place, within - _means(within, rows, count)[rows], within], dim=1)


def _means(values: Tensor, rows: Tensor, count: int) -> Tensor:
    """[count, C] float32: the mean of the values [n, C] of each row."""
    total = torch.zeros(count, values.shape[1], device=values.device).index_add(0, rows, values.float())
    return total / total.new_zeros(count).index_add(0, rows, total.new_ones(len(rows)))[:, None]
