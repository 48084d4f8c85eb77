"""What the points of a cell say together."""

from __future__ import annotations

import torch

from ssc_ros.networks.lidar.polar_cells import point_features, polar_cells
from ssc_ros.networks.lidar.polar_encoder import PolarPointEncoder

from ..norms import randomized
from .polar_sweep import GRID, sweep


def test_the_encoder_takes_the_maximum_over_all_points_of_a_group() -> None:
    """Also over more than 256, in evaluation by chunks and in training at once; the order of the points is nothing."""
    torch.manual_seed(0)
    encoder = randomized(PolarPointEncoder((6, 7), 5))
    cloud = sweep(40_000)[None]
    cells = polar_cells(cloud, GRID)
    group = cells.pillar[cells.cell]
    assert torch.bincount(group).max() > 256
    with torch.no_grad():
        found = encoder(cells, group, len(cells.pillars))
        encoded = encoder.layers(point_features(cells.points, GRID))
        expected = torch.stack([encoded[group == g].amax(dim=0) for g in range(len(cells.pillars))])
        torch.testing.assert_close(found, encoder.compress(expected), atol=1e-5, rtol=1e-5)
        order = torch.randperm(cloud.shape[1])
        shuffled = polar_cells(cloud[:, order], GRID)
        again = encoder(shuffled, shuffled.pillar[shuffled.cell], len(shuffled.pillars))
    torch.testing.assert_close(again, found, atol=1e-5, rtol=1e-5)
