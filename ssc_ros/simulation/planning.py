"""Draws a street: its centre line, its blocks and their cross-section, its crossings and hills."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ssc_ros.simulation.road import BLOCK, CROSSING, SPACING, WAVE, Lot, Plan

LONGEST_LEFT_OVER = 200.0
"""The last block ends where the street ends; blocks are drawn until less than this is left [m]."""
TIGHTEST = 35.0
"""Smallest radius of a curve [m]."""
SIDE_STREET = 150.0
"""How far a side street reaches from the centre line [m]."""


@dataclass(frozen=True)
class Block:
    """A stretch of street between two crossings, as arc lengths [m]."""

    index: int
    start: float
    end: float


def plan_street(rng: np.random.Generator, start: float, end: float) -> tuple[Plan, tuple[Block, ...]]:
    """Draw a street from arc length `start` to `end` [m]; the vehicle's journey begins at 0."""
    s = np.arange(start, end, SPACING)
    heading = _headings(rng, s)
    line = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1) * SPACING, axis=0)
    line -= line[round(-start / SPACING)]
    edges = [start]
    while edges[-1] < end - LONGEST_LEFT_OVER:
        edges.append(edges[-1] + rng.uniform(45, 150))
    edges.append(end - SPACING)
    urban = rng.random()
    blocks = np.array([_block(rng, urban) for _ in edges[:-1]], BLOCK)
    crossings = [
        _crossing(rng, line, heading, e, min(round((e - start) / SPACING), len(s) - 1))
        for e in edges[1:-1]
        if rng.random() < 0.75
    ]
    waves = np.array([_wave(rng) for _ in range(4)], WAVE)
    block_of = np.searchsorted(np.asarray(edges[1:-1]), s)
    plan = Plan(line, start, block_of, blocks, np.array(crossings, CROSSING), waves, int(rng.integers(1 << 30)))
    return plan, tuple(Block(i, a, b) for i, (a, b) in enumerate(pairwise(edges)))


def _headings(rng: np.random.Generator, s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw the heading [rad] at each arc length.

    It stays within 80 degrees of the first one, so that the street never meets itself.
    """
    heading = np.zeros_like(s)
    amplitude = rng.uniform(0.1, 1.0)
    for wavelength, share in ((rng.uniform(250, 600), 0.6), (rng.uniform(110, 220), 0.3), (rng.uniform(60, 110), 0.1)):
        heading += amplitude * share * np.sin(2 * np.pi * s / wavelength + rng.uniform(0, 2 * np.pi))
    steepest = np.abs(np.gradient(heading, SPACING)).max()
    heading *= min(1.0, 1 / TIGHTEST / max(steepest, 1e-6))
    return heading


def _crossing(
    rng: np.random.Generator, line: NDArray[np.float64], heading: NDArray[np.float64], s: float, k: int
) -> tuple[float, ...]:
    """Draw a row of CROSSING at arc length s [m], which is sample k of the centre line."""
    turn = heading[k] + np.pi / 2 + rng.normal(0, 0.12)
    both, left, right = (-SIDE_STREET, SIDE_STREET), (0.0, SIDE_STREET), (-SIDE_STREET, 0.0)
    reach = (both, left, right)[rng.choice(3, p=[0.5, 0.25, 0.25])]
    return (*line[k], np.cos(turn), np.sin(turn), rng.uniform(2.6, 4.2), *reach, s, rng.random() < 0.35)


def _wave(rng: np.random.Generator) -> tuple[float, ...]:
    """Draw a row of WAVE."""
    number, angle = 2 * np.pi / rng.uniform(140, 500), rng.uniform(0, 2 * np.pi)
    return number * np.cos(angle), number * np.sin(angle), rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 1.1)


def _block(rng: np.random.Generator, urban: float) -> np.void:
    """Draw a row of BLOCK; `urban` 0..1 makes paved lots more frequent and wild ones rarer."""
    row: np.void = np.zeros(1, BLOCK)[0]
    row["width"] = rng.uniform(2.9, 4.2)
    wild_both = rng.random() < 0.15 * (1 - urban)
    for side in range(2):
        row["bay"][side] = rng.choice([0.0, rng.uniform(2.0, 2.5)], p=[0.8, 0.2])
        row["verge"][side] = rng.choice([0.0, rng.uniform(0.8, 2.5)], p=[0.6, 0.4])
        row["walk"][side] = rng.uniform(1.3, 3.2)
        lots = np.array([0.50, 0.12 + 0.26 * urban, 0.05, 0.06, 0.34 * (1.2 - urban)])
        lot = int(rng.choice(5, p=lots / lots.sum()))
        if wild_both:
            lot, row["bay"][side], row["walk"][side] = int(Lot.WILD), 0.0, rng.choice([0.0, 1.6])
        row["lot"][side] = lot
        row["rise"][side] = rng.normal(0.2, 0.6) if lot in (Lot.WILD, Lot.PARK) else rng.uniform(-0.1, 0.3)
    row["drive"] = rng.uniform(11, 30)
    row["tone"] = rng.random()
    return row
