"""Look of walls: bricks, and house fronts with doors and windows."""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.colors import Rgb, grey, scaled
from ssc_ros.simulation.noise import hash01, value2

DOOR_SHARE = 0.16
"""Share of the columns of a ground floor that are doors."""
OPENING_SHARE = 0.88
"""Share of the columns that have a window or a door."""


@kernel
def frac(x: float) -> float:
    """Return the fractional part."""
    return x - np.floor(x)


@kernel
def bricks(u: float, v: float, seed: int, footprint: float) -> float:
    """Return the brightness of a brick wall at (u, v) [m], with lighter joints."""
    row = np.floor(v / 0.075)
    w = u / 0.24 + 0.5 * (int(row) & 1)
    if footprint < 0.03 and (frac(w) < 0.06 or frac(v / 0.075) < 0.16):
        return 1.25
    return 0.75 + 0.4 * hash01(int(np.floor(w)), int(row), 0, seed)


@kernel
def _pane(u: float, v: float, z: float, column: int, floor: int, seed: int) -> tuple[Rgb, float]:
    """Return colour and glassiness of a window: a blind, or glass before a curtain."""
    if hash01(column, floor, 6, seed) < 0.2:
        c = 0.45 + 0.1 * np.floor(frac(z / 0.1) * 2)
        return Rgb(c, c, c * 0.9), 0.0
    curtain = 0.10 + 0.25 * value2(u * 4.0, v * 0.7, seed + 3)
    return Rgb(0.5 * curtain, 0.55 * curtain, 0.65 * curtain), 1.0


@kernel
def facade(u: float, v: float, half: float, storey: float, seed: int, wall: Rgb, footprint: float) -> tuple[Rgb, float]:
    """Return colour and glassiness of a house front.

    Args:
        u, v: along the wall from its middle, and above the ground [m].
        half: half length of the wall [m].
        storey: height of a storey [m].
        seed: of the pattern.
        wall: colour of the plaster.
        footprint: size of a pixel on the wall [m].
    """
    # 1. the column and the floor, and the position (x, z) in that field
    span = 2.0 + 1.8 * hash01(1, 0, 0, seed)
    floor, column = np.floor(v / storey), np.floor(u / span)
    x, z = u - column * span, v - floor * storey
    # 2. the opening of the field
    width, tall = 0.8 + 0.7 * hash01(2, 0, 0, seed), 1.2 + 0.5 * hash01(3, 0, 0, seed)
    style = hash01(int(column), int(floor), 5, seed)
    left, sill = (span - width) / 2, 0.85
    is_door = floor < 1 and style < DOOR_SHARE
    if is_door:
        sill, tall = 0.05, 2.1
    if v > 0.3 and style < OPENING_SHARE and abs(u) < half - 0.5:
        if left < x < left + width and sill < z < sill + tall:
            # 3. within it: frame, door, or pane
            rim = min(x - left, left + width - x, z - sill, sill + tall - z)
            if rim < 0.07 or abs(x - span / 2) < 0.03:
                return grey(0.6 if hash01(4, 0, 0, seed) < 0.7 else 0.12), 0.0
            if is_door:
                return Rgb(0.25 * style * 6, 0.14, 0.09), 0.0
            return _pane(u, v, z, int(column), int(floor), seed)
        # 4. around it: a lighter border
        if left - 0.12 < x < left + width + 0.12 and sill - 0.1 < z < sill + tall + 0.12:
            return Rgb(min(wall.r * 1.25, 0.85), min(wall.g * 1.25, 0.85), min(wall.b * 1.25, 0.85)), 0.0
    # 5. elsewhere: stained plaster, or bricks
    stain = 0.85 + 0.25 * value2(u / 2.5, v / 1.2, seed + 1) - (0.25 if v < 0.6 else 0.0)
    if hash01(7, 0, 0, seed) < 0.35:
        stain *= 0.9 + 0.18 * (bricks(u, v, seed, footprint) - 0.9)
    return scaled(wall, stain), 0.0
