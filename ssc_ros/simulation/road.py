"""A street as arrays, its coordinates along and across, and what ground of which height lies where."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.noise import value2

SPACING = 0.5
"""Distance between samples of the centre line [m]."""
FILLET = 5.0
"""Radius of the kerb at a crossing [m]."""
KERB_HEIGHT = 0.13
"""How far the pavement lies above the carriageway [m]."""
NO_CROSSING = 1e9
"""Distance to the nearest side street where there is none [m]."""
BAY_GAP, VERGE_GAP = 7.0, 5.0
"""How far before a side street parking bays and verges end [m]."""
DRIVEWAY_WIDTH, DRIVEWAY_DEPTH = 3.0, 11.0


class Lot(IntEnum):
    """What lies behind the pavement of a block."""

    GARDEN = 0
    PAVED = 1
    PARKING = 2
    PARK = 3
    WILD = 4


class Zone(IntEnum):
    """What a point of the ground is made of."""

    ROAD = 0
    PARKING_BAY = 1
    VERGE = 2
    SIDEWALK = 3
    GARDEN = 4
    PLAZA = 5
    PARKING_LOT = 6
    DRIVEWAY = 7
    ISLAND = 8


# plain numbers, for compiled code
ROAD, PARKING_BAY, VERGE, SIDEWALK = int(Zone.ROAD), int(Zone.PARKING_BAY), int(Zone.VERGE), int(Zone.SIDEWALK)
GARDEN, PLAZA, PARKING_LOT = int(Zone.GARDEN), int(Zone.PLAZA), int(Zone.PARKING_LOT)
DRIVEWAY, ISLAND = int(Zone.DRIVEWAY), int(Zone.ISLAND)
PAVED, PARKING, PARK = int(Lot.PAVED), int(Lot.PARKING), int(Lot.PARK)

BLOCK = np.dtype([
    ("width", np.float64), ("bay", np.float64, 2), ("verge", np.float64, 2), ("walk", np.float64, 2),
    ("lot", np.int64, 2), ("rise", np.float64, 2), ("drive", np.float64), ("tone", np.float64),
])  # fmt: skip
"""Cross-section of a block; pairs are (left, right).

Half width of the road, widths of parking bay, verge and pavement [m], `Lot`, rise of the terrain behind the pavement
[m], distance between driveways [m], and a random number 0..1 that decides on the markings.
"""
CROSSING = np.dtype([
    ("x", np.float64), ("y", np.float64), ("cos", np.float64), ("sin", np.float64), ("half_width", np.float64),
    ("first", np.float64), ("last", np.float64), ("s", np.float64), ("zebra", np.bool_),
])  # fmt: skip
"""A side street: centre [m], direction, half width [m], reach along the direction from `first` to `last` [m], arc
length of the main street [m], and whether there is a zebra crossing."""
WAVE = np.dtype([("x", np.float64), ("y", np.float64), ("phase", np.float64), ("amplitude", np.float64)])
"""A hill: wave vector [rad/m], phase [rad], amplitude [m]."""


class Plan(NamedTuple):
    """A street as arrays that compiled code reads.

    Attributes:
        line: (N, 2) centre line, a sample every SPACING [m], arc length from `first`.
        first: arc length of the first sample [m].
        block_of: (N,) block at each sample.
        blocks: (B,) structured array of BLOCK.
        crossings: (C,) structured array of CROSSING.
        waves: (W,) structured array of WAVE; their sum is the height of the road.
        seed: of textures.
    """

    line: NDArray[np.float64]
    first: float
    block_of: NDArray[np.int64]
    blocks: NDArray[np.void]
    crossings: NDArray[np.void]
    waves: NDArray[np.void]
    seed: int


class Spot(NamedTuple):
    """A point of the ground.

    Attributes:
        zone: a `Zone`.
        edge: distance to the edge of the carriageway, negative on it [m].
        bay: width of the parking bay here [m].
        cross: distance to the nearest side street, negative on it [m].
        block: row of the plan's blocks.
        side: 0 left, 1 right.
        rest: distance past the back of the pavement, -1 in front of it [m].
    """

    zone: int
    edge: float
    bay: float
    cross: float
    block: int
    side: int
    rest: float


@kernel
def locate(plan: Plan, x: float, y: float, hint: int, reach: int) -> tuple[float, float]:
    """Return arc length and signed distance (left positive) of the centre line's point nearest to (x, y) [m].

    Args:
        plan: the street.
        x, y: world position [m].
        hint: sample to search around, or -1 for the whole line.
        reach: samples to search on both sides of the hint.
    """
    line = plan.line
    n = len(line)
    # the nearest of every fourth sample
    low, high = (0, n) if hint < 0 else (max(0, hint - reach), min(n, hint + reach))
    best, at = 1e18, low
    stride = 4
    for k in range(low, high, stride):
        q = (line[k, 0] - x) ** 2 + (line[k, 1] - y) ** 2
        if q < best:
            best, at = q, k
    # the nearest of the samples around it
    low, high = max(1, at - stride), min(n - 1, at + stride + 1)
    best = 1e18
    for k in range(low, high):
        q = (line[k, 0] - x) ** 2 + (line[k, 1] - y) ** 2
        if q < best:
            best, at = q, k
    # along and across the tangent there
    at = min(max(at, 1), n - 2)
    tx, ty = line[at + 1, 0] - line[at - 1, 0], line[at + 1, 1] - line[at - 1, 1]
    norm = np.sqrt(tx * tx + ty * ty)
    tx, ty = tx / norm, ty / norm
    ex, ey = x - line[at, 0], y - line[at, 1]
    return plan.first + at * SPACING + ex * tx + ey * ty, tx * ey - ty * ex


@kernel
def along_and_across(crossing: np.void, x: float, y: float) -> tuple[float, float]:
    """Return the coordinates of a world position along and across a side street [m]."""
    ex, ey, cos, sin = x - crossing["x"], y - crossing["y"], crossing["cos"], crossing["sin"]
    return ex * cos + ey * sin, -ex * sin + ey * cos


@kernel
def _kerb(plan: Plan, x: float, y: float, a: float) -> tuple[float, float]:
    """Return the distances to the edge of any carriageway and to the nearest side street [m].

    `a` is the distance to the edge of the main one; where two edges meet, the kerb is rounded.
    """
    edge, cross = a, NO_CROSSING
    crossings = plan.crossings
    for c in range(len(crossings)):
        crossing = crossings[c]
        along, across = along_and_across(crossing, x, y)
        if along < crossing["first"] or along > crossing["last"]:
            continue
        b = abs(across) - crossing["half_width"]
        cross = min(cross, b)
        if 0 < a < FILLET and 0 < b < FILLET:
            edge = min(edge, FILLET - np.sqrt((FILLET - a) ** 2 + (FILLET - b) ** 2))
        else:
            edge = min(edge, b)
    return edge, cross


@kernel
def _zone_of_lot(row: np.void, lot: int, s: float, rest: float, along_street: bool) -> int:
    """Return the zone behind the pavement at `rest` [m] from it, where the lot lies along the main street or not."""
    phase = s / row["drive"] - np.floor(s / row["drive"])
    if lot <= PAVED and phase * row["drive"] < DRIVEWAY_WIDTH and rest < DRIVEWAY_DEPTH and along_street:
        return DRIVEWAY
    if lot == PAVED and rest < 2.2:
        return PLAZA
    if lot == PARKING and rest < 26.0:
        return PARKING_LOT
    if lot == PARK and 3.0 < rest < 5.2:
        return ISLAND
    return GARDEN


@kernel
def zone_at(plan: Plan, x: float, y: float, s: float, d: float) -> Spot:
    """Return zone, block and distances at a world position (x, y), which is (s, d) in street coordinates [m]."""
    k = int((s - plan.first) / SPACING)
    block = plan.block_of[min(max(k, 0), len(plan.block_of) - 1)]
    row = plan.blocks[block]
    side = 0 if d > 0 else 1
    a = abs(d) - row["width"]
    edge, cross = _kerb(plan, x, y, a)
    # from the carriageway outwards: bay, verge, pavement, lot
    bay = row["bay"][side] if cross > BAY_GAP else 0.0
    if edge < 0:
        return Spot(ROAD, edge, bay, cross, block, side, -1.0)
    if edge < bay:
        return Spot(PARKING_BAY, edge, bay, cross, block, side, -1.0)
    rest = edge - bay
    verge = row["verge"][side] if cross > VERGE_GAP else 0.0
    if rest < verge:
        return Spot(VERGE, edge, bay, cross, block, side, -1.0)
    rest -= verge
    walk = row["walk"][side] if a <= cross else 2.0
    if rest < walk:
        return Spot(SIDEWALK, edge, bay, cross, block, side, -1.0)
    rest -= walk
    zone = _zone_of_lot(row, row["lot"][side], s, rest, a <= cross)
    return Spot(zone, edge, bay, cross, block, side, rest)


@kernel
def touches(plan: Plan, points: NDArray[np.float64], hint: int, zones: int) -> bool:
    """Return whether one of some points (N, 2) [m] lies in one of some zones.

    Args:
        plan: the street.
        points: in the world frame [m].
        hint: sample of the centre line near them.
        zones: bit `zone` is set for each of them.
    """
    for k in range(len(points)):
        x, y = points[k, 0], points[k, 1]
        s, d = locate(plan, x, y, hint, 300)
        if (zones >> zone_at(plan, x, y, s, d).zone) & 1:
            return True
    return False


@kernel
def smooth(t: float) -> float:
    """Return a smooth step from 0 at t <= 0 to 1 at t >= 1."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


@kernel
def elevation(plan: Plan, x: float, y: float, s: float, d: float) -> float:
    """Return the height of the ground [m] at (x, y), which is (s, d) in street coordinates [m].

    It is made of hills, a raised pavement, and terrain that rises or falls behind it.
    """
    z = 0.0
    waves = plan.waves
    for k in range(len(waves)):
        w = waves[k]
        z += w["amplitude"] * np.sin(w["x"] * x + w["y"] * y + w["phase"])
    zone, edge, _, _, block, side, rest = zone_at(plan, x, y, s, d)
    row = plan.blocks[block]
    if zone == ROAD:
        return z - 0.02 * smooth(edge + 1.0)
    if zone != PARKING_BAY:
        bay = row["bay"][side]
        z += KERB_HEIGHT * smooth((edge - (bay if edge >= bay else 0.0)) / 0.25)
    if rest > 0:
        away = smooth(rest / 14.0)
        z += row["rise"][side] * away * (0.0 if zone == PARKING_LOT else 1.0)
        if zone in (GARDEN, VERGE):
            z += min(rest, 1.0) * (0.35 * (value2(x / 5.0, y / 5.0, plan.seed) - 0.5) * (0.3 + away))
            z += min(rest, 1.0) * 0.10 * (value2(x / 0.9, y / 0.9, plan.seed + 1) - 0.4)
    return z


def place(plan: Plan, s: float, d: float) -> tuple[float, float, float]:
    """Return world position (x, y) [m] and heading [rad] at arc length s and lateral distance d (left positive) [m]."""
    k = (s - plan.first) / SPACING
    i = int(np.clip(np.floor(k), 1, len(plan.line) - 3))
    u = k - i
    tangent = (plan.line[i + 1] - plan.line[i - 1]) * (1 - u) + (plan.line[i + 2] - plan.line[i]) * u
    tangent = tangent / np.linalg.norm(tangent)
    point = plan.line[i] * (1 - u) + plan.line[i + 1] * u
    x, y = point + d * np.array([-tangent[1], tangent[0]])
    return float(x), float(y), float(np.arctan2(tangent[1], tangent[0]))


def height_at(plan: Plan, x: float, y: float, s: float, d: float) -> float:
    """Return the height of the ground [m] where both its world and its street coordinates are known."""
    return float(elevation(plan, x, y, s, d))
