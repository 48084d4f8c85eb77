"""Polar cells against their definition, one point at a time."""

from __future__ import annotations

import math

import torch

from ssc_ros.networks.lidar.polar_cells import point_features, polar_cells

from .polar_sweep import GRID, sweep


def cell_of(x: float, y: float, z: float) -> tuple[int, int, int]:
    """By the definition, one point at a time: metres and radians clipped to the box, counted in cells."""
    r = min(max(math.hypot(x, y), 2.0), 10.0)
    return (
        min(int((r - 2.0) / 1.0), 7),
        min(int((math.atan2(y, x) + math.pi) / (2 * math.pi / 12)), 11),
        min(int(min(max(z, -2.0), 2.0) + 2.0), 3),
    )


def test_each_point_lies_in_the_cell_of_the_definition() -> None:
    clouds = torch.stack([sweep(seed=0), sweep(seed=1)])
    cells = polar_cells(clouds, GRID)
    coordinates = cells.cells.coordinates[cells.rows]
    for b in range(2):
        for point, (sample, *index) in zip(clouds[b].tolist(), coordinates[b].tolist(), strict=True):
            assert (sample, *index) == (b, *cell_of(*point[:3]))
    assert len(torch.unique(cells.cells.cells)) == len(cells.cells)
    columns = cells.cells.coordinates[:, :3]
    torch.testing.assert_close(cells.pillars.coordinates[cells.pillar][:, :3], columns)


def test_what_is_no_measurement_has_no_cell() -> None:
    cloud = sweep(6)[None].clone()
    cloud[0, 1, 0], cloud[0, 2, 2], cloud[0, 4, 1] = math.nan, math.inf, 1e30
    cells = polar_cells(cloud, GRID)
    assert (cells.rows[0] < 0).tolist() == [False, True, True, False, True, False]
    assert len(cells.points) == 3
    assert len(polar_cells(cloud[:, 1:3], GRID).cells) == 0


def test_features_say_where_a_point_is_and_where_in_its_cell() -> None:
    """A point at range 5.3, azimuth 0.1, height 0.4: its cell's centre is at 5.5, 15 degrees and 0.5."""
    point = torch.tensor([[5.3 * math.cos(0.1), 5.3 * math.sin(0.1), 0.4, 0.7]])
    expected = [-0.2, 0.1 - math.radians(15), -0.1, 5.3, 0.1, 0.4, 5.3 * math.cos(0.1), 5.3 * math.sin(0.1), 0.7]
    torch.testing.assert_close(point_features(point, GRID), torch.tensor([expected]), atol=1e-5, rtol=0)
