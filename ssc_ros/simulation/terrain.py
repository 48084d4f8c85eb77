"""The ground of the window that moves along with the vehicle: heights, and street coordinates, as rasters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.road import SPACING, Plan, elevation, locate, place
from ssc_ros.simulation.scene import Ground, bilinear

WINDOW, AHEAD, WINDOW_STEP = 300.0, 55.0, 20.0
"""Side of the window of a scene, how far it is shifted ahead, and how often it moves on [m]."""
GROUND_STEP, STREET_STEP = 0.2, 5
"""Raster of the ground [m], and of street coordinates in multiples of it."""
LOCATE_REACH = 400
"""Samples of the centre line to both sides of the window's middle that can be nearest to a point of it."""


class Terrain(NamedTuple):
    """Street coordinates over the window of a scene.

    Attributes:
        plan: the street.
        arc, offset: (M, M) arc length and lateral distance at a raster [m].
        origin: lower corner of the raster [m].
        step: raster spacing [m].
    """

    plan: Plan
    arc: NDArray[np.float32]
    offset: NDArray[np.float32]
    origin: tuple[float, float]
    step: float


@kernel
def street_coordinates(terrain: Terrain, x: float, y: float) -> tuple[float, float]:
    """Return arc length and lateral distance [m] of a world position [m]."""
    u, v = (x - terrain.origin[0]) / terrain.step, (y - terrain.origin[1]) / terrain.step
    return bilinear(terrain.arc, u, v), bilinear(terrain.offset, u, v)


@kernel
def _locate_all(plan: Plan, origin: tuple[float, float], hint: int, coordinates: NDArray[np.float64]) -> None:
    """Fill (s, d), (M, M, 2), of a raster [m]; the centre line is searched around sample `hint` only."""
    m = coordinates.shape[0]
    for i in range(m):
        for j in range(m):
            x, y = origin[0] + i * GROUND_STEP * STREET_STEP, origin[1] + j * GROUND_STEP * STREET_STEP
            coordinates[i, j, 0], coordinates[i, j, 1] = locate(plan, x, y, hint, LOCATE_REACH)


@kernel
def _raise_all(
    plan: Plan, origin: tuple[float, float], coordinates: NDArray[np.float64], heights: NDArray[np.float32]
) -> None:
    """Fill heights (N, N) [m] of a raster from the street coordinates of a coarser one."""
    m, count = coordinates.shape[0], heights.shape[0]
    for i in range(count):
        for j in range(count):
            u, v = i / STREET_STEP, j / STREET_STEP
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
            heights[i, j] = elevation(plan, origin[0] + i * GROUND_STEP, origin[1] + j * GROUND_STEP, s, d)


def window_at(progress: float) -> int:
    """Return the number of the window for an arc length of the journey [m]."""
    return int(np.floor(progress / WINDOW_STEP))


def survey(plan: Plan, number: int) -> tuple[Ground, Terrain]:
    """Return heights and street coordinates of a window, see `window_at`."""
    middle = (number + 0.5) * WINDOW_STEP
    x, y, heading = place(plan, middle, 0.0)
    centre = np.array([x + AHEAD * np.cos(heading), y + AHEAD * np.sin(heading)])
    coarse = GROUND_STEP * STREET_STEP
    corner = np.floor((centre - WINDOW / 2) / coarse) * coarse
    origin = float(corner[0]), float(corner[1])
    count = round(WINDOW / GROUND_STEP) + 1
    heights = np.zeros((count, count), np.float32)
    coordinates = np.zeros((count // STREET_STEP + 1, count // STREET_STEP + 1, 2))
    hint = round((middle + AHEAD - plan.first) / SPACING)
    _locate_all(plan, origin, hint, coordinates)
    _raise_all(plan, origin, coordinates, heights)
    arc, offset = coordinates[..., 0].astype(np.float32), coordinates[..., 1].astype(np.float32)
    return Ground(heights, origin, GROUND_STEP), Terrain(plan, arc, offset, origin, coarse)
