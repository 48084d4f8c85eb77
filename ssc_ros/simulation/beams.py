"""Beams and limits of a LiDAR."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LidarModel:
    """A spinning LiDAR.

    Attributes:
        elevations: angle of each laser above the horizon, from the top [deg].
        columns: measurements of each laser in one revolution.
        min_range, max_range: nearer and farther surfaces give no point [m].
        range_noise: standard deviation of a range [m].
    """

    elevations: tuple[float, ...]
    columns: int
    min_range: float
    max_range: float
    range_noise: float

    @property
    def directions(self) -> NDArray[np.float64]:
        """Unit vectors (lasers * columns, 3) in the LiDAR frame, laser by laser, counter-clockwise from +x."""
        return _directions(self.elevations, self.columns)


HDL64E = LidarModel(
    elevations=(
        *np.linspace(2.0, -8.33, 32).tolist(),  # one third of a degree apart
        *np.linspace(-8.83, -24.8, 32).tolist(),  # half a degree apart
    ),
    columns=2000,
    min_range=1.5,
    max_range=80.0,
    range_noise=0.012,
)
"""The Velodyne HDL-64E of KITTI (Geiger et al. 2012)."""


@cache
def _directions(elevations: tuple[float, ...], columns: int) -> NDArray[np.float64]:
    lasers = len(elevations)
    elevation = np.radians(np.array(elevations))[:, None]
    # each laser has its own offset in azimuth
    offset = np.random.default_rng(lasers).uniform(0, 1, (lasers, 1))
    azimuth = (np.arange(columns)[None] + offset) * (2 * np.pi / columns)
    x, y = np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth)
    return np.stack([x, y, np.broadcast_to(np.sin(elevation), x.shape)], axis=-1).reshape(-1, 3)
