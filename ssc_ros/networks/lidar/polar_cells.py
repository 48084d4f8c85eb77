"""Which cell of a polar grid each point of a padded batch falls into."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssc_ros.core import PolarGrid
from ssc_ros.networks.sparse.sites import Sites

FARTHEST = 1000.0
"""A coordinate [m] beyond this is no measurement; it would only blow up the features of its cell."""
FEATURES = 9
"""Of a point: offset to the centre of its cell (3) and position (3), both as range, azimuth and height; x and y;
reflectance. In metres and radians."""


@dataclass(frozen=True)
class PolarCells:
    """The n measured points of a batch, and the cells and pillars that hold them.

    Attributes:
        points: [n, 4] x, y, z [m] and reflectance.
        grid: the cells.
        cells: the occupied cells (R, A, Z).
        cell: [n] int64, the row of each point's cell among them.
        pillars: the occupied pillars, (R, A, 1).
        pillar: [M] int64, the row of each cell's pillar among them.
        rows: [B, N] int64, as `cell` for all points given; -1 for those that are no measurement.
    """

    points: Tensor
    grid: PolarGrid
    cells: Sites
    cell: Tensor
    pillars: Sites
    pillar: Tensor
    rows: Tensor


def polar_cells(points: Tensor, grid: PolarGrid) -> PolarCells:
    """Find the cells of points.

    Args:
        points: [B, N, 4] float32: x, y, z [m] in the LiDAR frame, reflectance. Rows of NaN are padding.
        grid: the cells; points outside of it are clipped onto its border.
    """
    batch, (ranges, azimuths, heights) = len(points), grid.shape
    sample, row = torch.nonzero((points[..., :3].abs() < FARTHEST).all(dim=-1), as_tuple=True)
    kept = points[sample, row]
    r, a, z = cell_index(polar(kept), grid).unbind(1)
    flat = ((sample * ranges + r) * azimuths + a) * heights + z
    cells, cell = Sites.holding(flat, grid.shape, batch)
    pillars, pillar = Sites.holding(cells.cells // heights, (ranges, azimuths, 1), batch)
    rows = cell.new_full(points.shape[:2], -1)
    rows[sample, row] = cell
    return PolarCells(kept, grid, cells, cell, pillars, pillar, rows)


def point_features(points: Tensor, grid: PolarGrid) -> Tensor:
    """[n, 9] features of points [n, 4], see `FEATURES`."""
    position = polar(points)
    center = position.new_tensor(grid.lower) + (cell_index(position, grid) + 0.5) * position.new_tensor(grid.cell)
    return torch.cat([position - center, position, points[:, :2], points[:, 3:4]], dim=1)


def polar(points: Tensor) -> Tensor:
    """[n, 3] range [m], azimuth in [-pi, pi] and height [m] of points [n, 3 or more]."""
    x, y, z = points[:, :3].unbind(1)
    return torch.stack([torch.hypot(x, y), torch.atan2(y, x), z], dim=1)


def cell_index(position: Tensor, grid: PolarGrid) -> Tensor:
    """[n, 3] int64 index of the cell of each position [n, 3], clipped onto the border."""
    index = ((position - position.new_tensor(grid.lower)) / position.new_tensor(grid.cell)).floor().long()
    return torch.minimum(index.clamp_min(0), index.new_tensor(grid.shape) - 1)
