"""The partition of a LiDAR sweep by range, azimuth and height (Zhang et al. 2020, Zhu et al. 2021)."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class PolarGrid:
    """A ring around the LiDAR in equal cells of range, azimuth and height; points outside belong to its border.

    Attributes:
        shape: number of cells (R, A, Z); azimuth goes all around, from -pi to pi.
        ranges: nearest and farthest distance from the vertical axis [m].
        heights: lowest and highest z [m].
    """

    shape: tuple[int, int, int] = (480, 360, 32)
    ranges: tuple[float, float] = (3.0, 50.0)
    heights: tuple[float, float] = (-3.0, 1.5)

    def __post_init__(self) -> None:
        increasing = 0 <= self.ranges[0] < self.ranges[1] and self.heights[0] < self.heights[1]
        if min(self.shape) <= 0 or not increasing:
            raise ValueError(
                f"a polar grid needs cells and increasing bounds, not {self.shape}, {self.ranges} m, {self.heights} m"
            )

    @property
    def lower(self) -> tuple[float, float, float]:
        """Lower bound of range [m], azimuth [rad] and height [m]."""
        return self.ranges[0], -math.pi, self.heights[0]

    @property
    def cell(self) -> tuple[float, float, float]:
        """Extent of a cell in range [m], azimuth [rad] and height [m]."""
        extents = self.ranges[1] - self.ranges[0], 2 * math.pi, self.heights[1] - self.heights[0]
        r, a, z = (extent / n for extent, n in zip(extents, self.shape, strict=True))
        return r, a, z
