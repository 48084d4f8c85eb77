"""Plan of a street: centre line, crossings, blocks and their cross-section, and what ground lies where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
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


# columns of Plan.blocks; pairs are (left, right)
WIDTH, BAY, VERGE, WALK, LOT, RISE, DRIVE, TONE, BLOCK_COLUMNS = 0, 1, 3, 5, 7, 9, 11, 12, 13


class Plan(NamedTuple):
    """A street as arrays that compiled code reads.

    Attributes:
        line: (N, 2) centre line, a sample every SPACING [m], arc length from `first`.
        first: arc length of the first sample [m].
        block_of: (N,) block at each sample.
        blocks: (B, 13) half width of the road, then per side: parking bay, verge, pavement widths [m], lot, rise of
            the terrain [m]; distance between driveways [m], tone.
        crossings: (C, 9) side streets: centre, direction (cos, sin), half width, reach to both ends [m], arc length,
            whether there is a zebra crossing.
        waves: (W, 4) hills: wave vector [rad/m], phase, amplitude [m].
        seed: of textures.
    """

    line: NDArray[np.float64]
    first: float
    block_of: NDArray[np.int64]
    blocks: NDArray[np.float64]
    crossings: NDArray[np.float64]
    waves: NDArray[np.float64]
    seed: int


@dataclass(frozen=True)
class Block:
    """A stretch of street between two crossings, as arc lengths [m]."""

    index: int
    start: float
    end: float


def plan_street(rng: np.random.Generator, start: float, end: float) -> tuple[Plan, tuple[Block, ...]]:
    """A street from arc length `start` to `end` [m]; the vehicle's journey begins at 0."""
    s = np.arange(start, end, SPACING)
    # heading stays within 80 degrees of the first one, so that the street never meets itself; radii above 35 m
    heading = np.zeros_like(s)
    amplitude = rng.uniform(0.1, 1.0)
    for wavelength, share in ((rng.uniform(250, 600), 0.6), (rng.uniform(110, 220), 0.3), (rng.uniform(60, 110), 0.1)):
        heading += amplitude * share * np.sin(2 * np.pi * s / wavelength + rng.uniform(0, 2 * np.pi))
    steepest = np.abs(np.gradient(heading, SPACING)).max()
    heading *= min(1.0, 1 / 35 / max(steepest, 1e-6))
    line = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1) * SPACING, axis=0)
    line -= line[round(-start / SPACING)]

    edges = [start]
    while edges[-1] < end - 200:
        edges.append(edges[-1] + rng.uniform(45, 150))
    edges.append(end - SPACING)
    urban = rng.random()
    blocks = np.stack([_block(rng, urban) for _ in edges[:-1]])
    crossings = []
    for e in edges[1:-1]:
        if rng.random() < 0.75:
            k = round((e - start) / SPACING)
            k = min(k, len(s) - 1)
            turn = heading[k] + np.pi / 2 + rng.normal(0, 0.12)
            reach = [(-150.0, 150.0), (0.0, 150.0), (-150.0, 0.0)][rng.choice(3, p=[0.5, 0.25, 0.25])]
            crossings.append(
                [*line[k], np.cos(turn), np.sin(turn), rng.uniform(2.6, 4.2), *reach, e, float(rng.random() < 0.35)]
            )
    waves = np.stack([_wave(rng) for _ in range(4)])
    block_of = np.searchsorted(np.asarray(edges[1:-1]), s)
    plan = Plan(line, start, block_of, blocks, np.asarray(crossings).reshape(-1, 9), waves, int(rng.integers(1 << 30)))
    return plan, tuple(Block(i, a, b) for i, (a, b) in enumerate(pairwise(edges)))


def _wave(rng: np.random.Generator) -> NDArray[np.float64]:
    number, angle = 2 * np.pi / rng.uniform(140, 500), rng.uniform(0, 2 * np.pi)
    return np.array([number * np.cos(angle), number * np.sin(angle), rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 1.1)])


def _block(rng: np.random.Generator, urban: float) -> NDArray[np.float64]:
    row = np.zeros(BLOCK_COLUMNS)
    row[WIDTH] = rng.uniform(2.9, 4.2)
    wild_both = rng.random() < 0.15 * (1 - urban)
    for side in range(2):
        row[BAY + side] = rng.choice([0.0, rng.uniform(2.0, 2.5)], p=[0.8, 0.2])
        row[VERGE + side] = rng.choice([0.0, rng.uniform(0.8, 2.5)], p=[0.6, 0.4])
        row[WALK + side] = rng.uniform(1.3, 3.2)
        lots = np.array([0.50, 0.12 + 0.26 * urban, 0.05, 0.06, 0.34 * (1.2 - urban)])
        lot = int(rng.choice(5, p=lots / lots.sum()))
        if wild_both:
            lot, row[BAY + side], row[WALK + side] = int(Lot.WILD), 0.0, rng.choice([0.0, 1.6])
        row[LOT + side] = lot
        row[RISE + side] = rng.normal(0.2, 0.6) if lot in (Lot.WILD, Lot.PARK) else rng.uniform(-0.1, 0.3)
    row[DRIVE] = rng.uniform(11, 30)
    row[TONE] = rng.random()
    return row


@kernel
def locate(plan, x, y, hint, reach):
    """Arc length and signed distance (left positive) of the centre line's point nearest to (x, y) [m].

    Args:
        plan: the street.
        x, y: world position.
        hint: sample to search around, or -1 for the whole line.
        reach: samples to search on both sides of the hint.
    """
    line = plan.line
    n = len(line)
    low, high = (0, n) if hint < 0 else (max(0, hint - reach), min(n, hint + reach))
    best, at = 1e18, low
    stride = 4
    for k in range(low, high, stride):
        q = (line[k, 0] - x) ** 2 + (line[k, 1] - y) ** 2
        if q < best:
            best, at = q, k
    low, high = max(1, at - stride), min(n - 1, at + stride + 1)
    best = 1e18
    for k in range(low, high):
        q = (line[k, 0] - x) ** 2 + (line[k, 1] - y) ** 2
        if q < best:
            best, at = q, k
    at = min(max(at, 1), n - 2)
    tx, ty = line[at + 1, 0] - line[at - 1, 0], line[at + 1, 1] - line[at - 1, 1]
    norm = np.sqrt(tx * tx + ty * ty)
    tx, ty = tx / norm, ty / norm
    ex, ey = x - line[at, 0], y - line[at, 1]
    return plan.first + at * SPACING + ex * tx + ey * ty, tx * ey - ty * ex


@kernel
def zone_at(plan, x, y, s, d):
    """What the ground is made of.

    Returns:
        Zone, distance to the edge of the carriageway (negative on it) [m], distance to the nearest side street [m]
        (negative on it), block, side (0 left, 1 right), and distance past the back of the pavement [m].
    """
    k = int((s - plan.first) / SPACING)
    block = plan.block_of[min(max(k, 0), len(plan.block_of) - 1)]
    row = plan.blocks[block]
    side = 0 if d > 0 else 1
    a = abs(d) - row[WIDTH]
    edge, cross = a, 1e9
    for c in range(len(plan.crossings)):
        g = plan.crossings[c]
        ex, ey = x - g[0], y - g[1]
        along, across = ex * g[2] + ey * g[3], -ex * g[3] + ey * g[2]
        if along < g[5] or along > g[6]:
            continue
        b = abs(across) - g[4]
        cross = min(cross, b)
        if 0 < a < FILLET and 0 < b < FILLET:
            edge = min(edge, FILLET - np.sqrt((FILLET - a) ** 2 + (FILLET - b) ** 2))
        else:
            edge = min(edge, b)
    if edge < 0:
        return 0, edge, cross, block, side, -1.0
    bay = row[BAY + side] if cross > 7.0 else 0.0
    if edge < bay:
        return 1, edge, cross, block, side, -1.0
    rest = edge - bay
    verge = row[VERGE + side] if cross > 5.0 else 0.0
    if rest < verge:
        return 2, edge, cross, block, side, -1.0
    rest -= verge
    walk = row[WALK + side] if a <= cross else 2.0
    if rest < walk:
        return 3, edge, cross, block, side, -1.0
    rest -= walk
    lot = int(row[LOT + side])
    phase = s / row[DRIVE] - np.floor(s / row[DRIVE])
    if lot <= 1 and phase * row[DRIVE] < 3.0 and rest < 11.0 and a <= cross:
        return 7, edge, cross, block, side, rest
    if lot == 1 and rest < 2.2:
        return 5, edge, cross, block, side, rest
    if lot == 2 and rest < 26.0:
        return 6, edge, cross, block, side, rest
    if lot == 3 and 3.0 < rest < 5.2:
        return 8, edge, cross, block, side, rest
    return 4, edge, cross, block, side, rest


@kernel
def smooth(t):
    """Smooth step from 0 at t <= 0 to 1 at t >= 1."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


@kernel
def elevation(plan, x, y, s, d):
    """Height of the ground [m]: hills, a raised pavement, and terrain that rises or falls behind it."""
    z = 0.0
    for k in range(len(plan.waves)):
        w = plan.waves[k]
        z += w[3] * np.sin(w[0] * x + w[1] * y + w[2])
    zone, edge, _, block, side, rest = zone_at(plan, x, y, s, d)
    if zone == 0:
        return z - 0.02 * smooth(edge + 1.0)
    if zone != 1:
        bay = plan.blocks[block, BAY + side]
        z += KERB_HEIGHT * smooth((edge - (bay if edge >= bay else 0.0)) / 0.25)
    if rest > 0:
        away = smooth(rest / 14.0)
        z += plan.blocks[block, RISE + side] * away * (0.0 if zone == 6 else 1.0)
        if zone == 4 or zone == 2:
            z += min(rest, 1.0) * (0.35 * (value2(x / 5.0, y / 5.0, plan.seed) - 0.5) * (0.3 + away))
            z += min(rest, 1.0) * 0.10 * (value2(x / 0.9, y / 0.9, plan.seed + 1) - 0.4)
    return z


@kernel
def rasterise(plan, x0, y0, hint, step, heights, coordinates, coarse):
    """Fill a window from its corner: heights (N, N) every `step` and (s, d) (M, M, 2) every `coarse * step` [m].

    Only the centre line within 200 m of sample `hint` is looked at.
    """
    m, count = coordinates.shape[0], heights.shape[0]
    for i in range(m):
        for j in range(m):
            x, y = x0 + i * step * coarse, y0 + j * step * coarse
            coordinates[i, j, 0], coordinates[i, j, 1] = locate(plan, x, y, hint, 400)
    for i in range(count):
        for j in range(count):
            u, v = i / coarse, j / coarse
            p, q = min(int(u), m - 2), min(int(v), m - 2)
            a, b = u - p, v - q
            s = d = 0.0
            for e in range(2):
                value = (coordinates[p, q, e] * (1 - b) + coordinates[p, q + 1, e] * b) * (1 - a) + (
                    coordinates[p + 1, q, e] * (1 - b) + coordinates[p + 1, q + 1, e] * b
                ) * a
                if e == 0:
                    s = value
                else:
                    d = value
            heights[i, j] = elevation(plan, x0 + i * step, y0 + j * step, s, d)


def place(plan: Plan, s: float, d: float) -> tuple[float, float, float]:
    """World position (x, y) and heading [rad] of arc length s and lateral distance d (left positive)."""
    k = (s - plan.first) / SPACING
    i = int(np.clip(np.floor(k), 1, len(plan.line) - 3))
    u = k - i
    tangent = (plan.line[i + 1] - plan.line[i - 1]) * (1 - u) + (plan.line[i + 2] - plan.line[i]) * u
    tangent = tangent / np.linalg.norm(tangent)
    point = plan.line[i] * (1 - u) + plan.line[i + 1] * u
    x, y = point + d * np.array([-tangent[1], tangent[0]])
    return float(x), float(y), float(np.arctan2(tangent[1], tangent[0]))


def height_at(plan: Plan, x: float, y: float, s: float, d: float) -> float:
    """Height of the ground [m] where the street coordinates are known."""
    return float(elevation(plan, x, y, s, d))
