"""Look and label of the ground: asphalt, markings, paving, grass; all from street coordinates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation import road
from ssc_ros.simulation.noise import grain, hash01, value2
from ssc_ros.simulation.raycast import bilinear
from ssc_ros.simulation.road import Plan


class Terrain(NamedTuple):
    """Street coordinates over the window of a scene.

    Attributes:
        plan: the street.
        arc, offset: (M, M) arc length and lateral distance at a raster [m].
        origin: (2,) lower corner of the raster [m].
        step: raster spacing [m].
    """

    plan: Plan
    arc: NDArray[np.float32]
    offset: NDArray[np.float32]
    origin: NDArray[np.float64]
    step: float


@kernel
def street_coordinates(terrain, x, y):
    """Arc length and lateral distance [m] of a world position."""
    u, v = (x - terrain.origin[0]) / terrain.step, (y - terrain.origin[1]) / terrain.step
    return bilinear(terrain.arc, u, v), bilinear(terrain.offset, u, v)


@kernel
def is_marking(plan, x, y, s, d, edge, cross, block):
    """Whether the carriageway is painted here: centre line, edge line, zebra, stop line."""
    row = plan.blocks[block]
    if cross < 1.0:
        if cross > -1e8:
            for c in range(len(plan.crossings)):
                g = plan.crossings[c]
                ex, ey = x - g[0], y - g[1]
                along, across = ex * g[2] + ey * g[3], -ex * g[3] + ey * g[2]
                far = abs(along) - row[road.WIDTH] - 5.5
                if g[5] <= along <= g[6] and g[8] > 0 and 0 < far < 2.6 and abs(across) < g[4]:
                    return across / 1.0 - np.floor(across / 1.0) < 0.5
        return False
    tone = row[road.TONE]
    if tone > 0.35 and abs(d) < 0.07:
        return s / 6.0 - np.floor(s / 6.0) < 0.5 or tone > 0.92
    if tone > 0.8 and 0.14 < -edge < 0.26:
        return True
    if tone > 0.55 and 5.2 < cross < 5.6 and d < -0.15:
        return True
    if tone > 0.45 and tone < 0.6 and 6.0 < cross < 8.8:
        return d - np.floor(d) < 0.5
    return False


@kernel
def ground_label(terrain, x, y):
    """Raw label of the ground at a world position."""
    plan = terrain.plan
    s, d = street_coordinates(terrain, x, y)
    zone, edge, cross, block, _, _ = road.zone_at(plan, x, y, s, d)
    if zone == 0:
        return 60 if is_marking(plan, x, y, s, d, edge, cross, block) else 40
    if zone == 1 or zone == 6:
        return 44
    if zone == 3 or zone == 8:
        return 48
    if zone == 5:
        return 49
    if zone == 7:
        use = hash01(block, 3, 0, plan.seed)
        return 49 if use < 0.12 else (44 if use < 0.3 else 48)
    return 72


@kernel
def _slabs(u, v, size, seed, footprint):
    """Brightness of paving slabs with dark joints."""
    row = np.floor(v / size)
    u = u / size + 0.5 * (int(row) & 1)
    shade = 0.82 + 0.3 * hash01(int(np.floor(u)), int(row), 1, seed)
    joint = min(u - np.floor(u), v / size - row) * size
    if joint < 0.018 and footprint < 0.05:
        shade *= 0.62
    return shade


@kernel
def ground_color(terrain, x, y, footprint):
    """Albedo (r, g, b) of the ground at a world position."""
    plan = terrain.plan
    seed = plan.seed
    s, d = street_coordinates(terrain, x, y)
    zone, edge, cross, block, side, _ = road.zone_at(plan, x, y, s, d)
    tone = hash01(block, zone, side if zone > 0 else 0, seed + 7)
    texture = grain(x, y, seed, footprint)
    base = 0.10 + 0.20 * tone
    r = g = b = base
    if zone == 0:
        base = 0.09 + 0.15 * hash01(block // 2, 0, 0, seed + 7)
        if value2(x / 3.1, y / 9.0, seed + 5) > 0.74:  # a patch of newer asphalt
            base *= 0.7
        crack = abs(value2(x / 1.6, y / 1.6, seed + 6) - 0.5)
        if crack < 0.012 and footprint < 0.06:
            base *= 0.55
        base *= 1.0 + 0.10 * np.cos(abs(d) * 2.4)  # worn wheel tracks
        r, g, b = base, base, base * (0.95 + 0.1 * tone)
        if is_marking(plan, x, y, s, d, edge, cross, block):
            r = g = b = 0.55 + 0.15 * texture
    elif zone == 1 or zone == 6:
        if tone > 0.5:
            base *= _slabs(s, d, 0.22, seed, footprint)
        line = s / 5.6 if zone == 1 else s / 2.75
        if (line - np.floor(line)) < (0.018 if zone == 1 else 0.04):
            base = 0.5
        r, g, b = base, base * 0.96, base * (0.85 + 0.12 * tone)
    elif zone == 3 or zone == 5 or zone == 7 or zone == 8:
        size = 0.2 + 0.4 * hash01(block, zone, 2, seed)
        base *= _slabs(s, d, size, seed + 3, footprint) if tone > 0.35 else 1.0
        red = 0.25 * max(0.0, hash01(block, zone, 5, seed) - 0.6)
        r, g, b = base * (1.0 + red), base * (1.0 - 0.5 * red), base * (0.93 - 0.6 * red)
    else:
        dry = value2(x / 6.0, y / 6.0, seed + 9) * 0.8 + 0.4 * (hash01(block, 9, side, seed) - 0.3)
        leaf = 0.12 + 0.09 * value2(x / 0.35, y / 0.35, seed + 8) + 0.05 * texture
        dry = min(max(dry, 0.0), 1.0)
        r = leaf * (0.75 + 0.75 * dry)
        g = leaf * (1.15 - 0.15 * dry)
        b = leaf * (0.45 + 0.2 * dry)
        texture *= 1.8
    bay = plan.blocks[block, road.BAY + side] if cross > 7.0 else 0.0
    rim = edge - bay
    if zone >= 2 and 0.0 <= rim < 0.14:  # kerb stone
        along = s + d
        r = g = b = 0.30 + 0.08 * hash01(int(np.floor(along)), 4, 0, seed) - (0.15 if rim < 0.02 else 0.0)
    gain = 1.0 + 0.55 * texture
    return r * gain, g * gain, b * gain
