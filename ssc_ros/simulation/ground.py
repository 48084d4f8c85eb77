"""Look and label of the ground: asphalt, markings, paving, grass; all from street coordinates."""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.colors import Rgb, grey, scaled
from ssc_ros.simulation.noise import grain, hash01, value2
from ssc_ros.simulation.road import (
    DRIVEWAY,
    ISLAND,
    PARKING_BAY,
    PARKING_LOT,
    PLAZA,
    ROAD,
    SIDEWALK,
    VERGE,
    Plan,
    Spot,
    along_and_across,
    zone_at,
)
from ssc_ros.simulation.terrain import Terrain, street_coordinates

ROAD_LABEL, PARKING_LABEL, SIDEWALK_LABEL, OTHER_LABEL, MARKING_LABEL, TERRAIN_LABEL = 40, 44, 48, 49, 60, 72
"""Raw labels."""


@kernel
def _on_zebra(plan: Plan, x: float, y: float, width: float) -> bool:
    """Return whether a bar of a zebra crossing is painted near a side street, on a road of a half width [m]."""
    crossings = plan.crossings
    for c in range(len(crossings)):
        crossing = crossings[c]
        along, across = along_and_across(crossing, x, y)
        far = abs(along) - width - 5.5
        reached = crossing["first"] <= along <= crossing["last"]
        if reached and crossing["zebra"] and 0 < far < 2.6 and abs(across) < crossing["half_width"]:
            return across / 1.0 - np.floor(across / 1.0) < 0.5
    return False


@kernel
def is_marking(plan: Plan, x: float, y: float, s: float, d: float, spot: Spot) -> bool:
    """Return whether the carriageway is painted at (x, y), which is (s, d) in street coordinates [m].

    There are centre lines, edge lines, stop lines and zebra crossings.
    """
    row = plan.blocks[spot.block]
    cross, tone = spot.cross, row["tone"]
    if cross < 1.0:
        return _on_zebra(plan, x, y, row["width"])
    if tone > 0.35 and abs(d) < 0.07:
        return s / 6.0 - np.floor(s / 6.0) < 0.5 or tone > 0.92
    if tone > 0.8 and 0.14 < -spot.edge < 0.26:
        return True
    if tone > 0.55 and 5.2 < cross < 5.6 and d < -0.15:
        return True
    if tone > 0.45 and tone < 0.6 and 6.0 < cross < 8.8:
        return d - np.floor(d) < 0.5
    return False


@kernel
def _label(zone: int, is_painted: bool, block: int, seed: int) -> int:
    """Return the raw label of a zone; of a driveway it depends on the block."""
    if zone == ROAD:
        return MARKING_LABEL if is_painted else ROAD_LABEL
    if zone in (PARKING_BAY, PARKING_LOT):
        return PARKING_LABEL
    if zone in (SIDEWALK, ISLAND):
        return SIDEWALK_LABEL
    if zone == PLAZA:
        return OTHER_LABEL
    if zone == DRIVEWAY:
        use = hash01(block, 3, 0, seed)
        return OTHER_LABEL if use < 0.12 else (PARKING_LABEL if use < 0.3 else SIDEWALK_LABEL)
    return TERRAIN_LABEL


@kernel
def _slabs(u: float, v: float, size: float, seed: int, footprint: float) -> float:
    """Return the brightness of paving slabs with dark joints."""
    row = np.floor(v / size)
    u = u / size + 0.5 * (int(row) & 1)
    shade = 0.82 + 0.3 * hash01(int(np.floor(u)), int(row), 1, seed)
    joint = min(u - np.floor(u), v / size - row) * size
    if joint < 0.018 and footprint < 0.05:
        shade *= 0.62
    return shade


@kernel
def _asphalt(x: float, y: float, d: float, block: int, seed: int, tone: float, footprint: float) -> Rgb:
    """Return the albedo of the carriageway without its markings."""
    base = 0.09 + 0.15 * hash01(block // 2, 0, 0, seed + 7)
    if value2(x / 3.1, y / 9.0, seed + 5) > 0.74:  # a patch of newer asphalt
        base *= 0.7
    crack = abs(value2(x / 1.6, y / 1.6, seed + 6) - 0.5)
    if crack < 0.012 and footprint < 0.06:
        base *= 0.55
    base *= 1.0 + 0.10 * np.cos(abs(d) * 2.4)  # worn wheel tracks
    return Rgb(base, base, base * (0.95 + 0.1 * tone))


@kernel
def _parking(s: float, d: float, zone: int, seed: int, tone: float, footprint: float) -> Rgb:
    """Return the albedo of parking bays and parking lots, with the lines between the places."""
    base = 0.10 + 0.20 * tone
    if tone > 0.5:
        base *= _slabs(s, d, 0.22, seed, footprint)
    line = s / 5.6 if zone == PARKING_BAY else s / 2.75
    if (line - np.floor(line)) < (0.018 if zone == PARKING_BAY else 0.04):
        base = 0.5
    return Rgb(base, base * 0.96, base * (0.85 + 0.12 * tone))


@kernel
def _paving(s: float, d: float, spot: Spot, seed: int, tone: float, footprint: float) -> Rgb:
    """Return the albedo of pavements, plazas, driveways and paths."""
    size = 0.2 + 0.4 * hash01(spot.block, spot.zone, 2, seed)
    base = (0.10 + 0.20 * tone) * (_slabs(s, d, size, seed + 3, footprint) if tone > 0.35 else 1.0)
    red = 0.25 * max(0.0, hash01(spot.block, spot.zone, 5, seed) - 0.6)
    return Rgb(base * (1.0 + red), base * (1.0 - 0.5 * red), base * (0.93 - 0.6 * red))


@kernel
def _grass(x: float, y: float, spot: Spot, seed: int, texture: float) -> Rgb:
    """Return the albedo of lawns, dry in places."""
    dry = value2(x / 6.0, y / 6.0, seed + 9) * 0.8 + 0.4 * (hash01(spot.block, 9, spot.side, seed) - 0.3)
    leaf = 0.12 + 0.09 * value2(x / 0.35, y / 0.35, seed + 8) + 0.05 * texture
    dry = min(max(dry, 0.0), 1.0)
    return Rgb(leaf * (0.75 + 0.75 * dry), leaf * (1.15 - 0.15 * dry), leaf * (0.45 + 0.2 * dry))


@kernel
def ground_surface(terrain: Terrain, x: float, y: float, footprint: float) -> tuple[Rgb, int]:
    """Return albedo and raw label of the ground at (x, y) [m], seen by a pixel that covers `footprint` [m]."""
    plan = terrain.plan
    seed = plan.seed
    s, d = street_coordinates(terrain, x, y)
    spot = zone_at(plan, x, y, s, d)
    zone, block = spot.zone, spot.block
    tone = hash01(block, zone, spot.side if zone > ROAD else 0, seed + 7)
    texture = grain(x, y, seed, footprint)
    is_painted = False
    if zone == ROAD:
        is_painted = is_marking(plan, x, y, s, d, spot)
        color = grey(0.55 + 0.15 * texture) if is_painted else _asphalt(x, y, d, block, seed, tone, footprint)
    elif zone in (PARKING_BAY, PARKING_LOT):
        color = _parking(s, d, zone, seed, tone, footprint)
    elif zone in (SIDEWALK, PLAZA, DRIVEWAY, ISLAND):
        color = _paving(s, d, spot, seed, tone, footprint)
    else:
        color = _grass(x, y, spot, seed, texture)
        texture *= 1.8
    rim = spot.edge - spot.bay
    if zone >= VERGE and 0.0 <= rim < 0.14:
        stone = hash01(int(np.floor(s + d)), 4, 0, seed)
        color = grey(0.30 + 0.08 * stone - (0.15 if rim < 0.02 else 0.0))
    return scaled(color, 1.0 + 0.55 * texture), _label(zone, is_painted, block, seed)
