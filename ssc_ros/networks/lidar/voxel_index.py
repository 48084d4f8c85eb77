"""Which voxel each point of a padded batch falls into."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssc_ros.core import SceneGrid


@dataclass(frozen=True)
class PointsInside:
    """The n points of a batch that lie in a grid.

    Attributes:
        points: [n, F] as given, x, y, z [m] first.
        sample: [n] long, which of the batch each belongs to.
        index: [n, 3] long, their voxels.
        voxel: [n] long, the voxels' flat C-order index into (B, X, Y, Z).
    """

    points: Tensor
    sample: Tensor
    index: Tensor
    voxel: Tensor


def points_inside(points: Tensor, grid: SceneGrid) -> PointsInside:
    """Find the voxels of points.

    Args:
        points: [B, N, F] float32: x, y, z [m] in the grid frame, and anything else. Rows of NaN are padding; points
            outside of the box or on its faces are left out.
        grid: the voxels.
    """
    corner, far = (points.new_tensor(c) for c in (grid.min_corner, grid.max_corner))
    xyz = points[..., :3]
    sample, row = torch.nonzero(((xyz > corner) & (xyz < far)).all(dim=-1), as_tuple=True)
    kept = points[sample, row]
    shape = torch.tensor(grid.shape, device=points.device)
    # rounding may lift a point just inside of the far face onto it
    index = torch.minimum(((kept[:, :3] - corner) / kept.new_tensor(grid.edges)).long(), shape - 1)
    x, y, z = index.unbind(1)
    return PointsInside(kept, sample, index, ((sample * shape[0] + x) * shape[1] + y) * shape[2] + z)
