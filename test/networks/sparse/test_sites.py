"""The voxels that hold points."""

from __future__ import annotations

import torch

from ssc_ros.networks.sparse.sites import Sites

SHAPE = (7, 5, 4)


def test_points_find_the_voxels_that_hold_them() -> None:
    cells = torch.tensor([7, 3, 139 + 140, 7, 0])
    sites, rows = Sites.holding(cells, SHAPE, batch=2)
    assert sites.cells.tolist() == [0, 3, 7, 279]
    assert sites.coordinates.tolist() == [[0, 0, 0, 0], [0, 0, 0, 3], [0, 0, 1, 3], [1, 6, 4, 3]]
    assert rows.tolist() == [2, 1, 3, 2, 0]
    assert sites.rows[sites.cells].tolist() == [0, 1, 2, 3]
    assert (sites.rows >= 0).sum() == len(sites)


def test_no_points_hold_no_voxels() -> None:
    sites, rows = Sites.holding(torch.zeros(0, dtype=torch.long), SHAPE, batch=2)
    assert len(sites) == len(rows) == 0
