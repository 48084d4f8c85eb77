"""The scene around the vehicle as flat arrays: solids sorted into columns, over a raster of the ground."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.primitives import Primitives
from ssc_ros.simulation.rays import FAR

CELL = 2.0
"""Edge of a column of the acceleration grid [m]."""
REACH = np.dtype([(name, np.float64) for name in ("x", "y", "squared_radius", "bottom", "top")])
"""The upright cylinder around a solid: axis [m], squared radius [m2], lowest and highest point [m]."""


class Ground(NamedTuple):
    """The ground of a square window of the world.

    Attributes:
        heights: (M, M) at a raster [m].
        origin: lower corner of the window in the world frame [m].
        step: raster spacing [m].
    """

    heights: NDArray[np.float32]
    origin: tuple[float, float]
    step: float


class Columns(NamedTuple):
    """Solids by column of the acceleration grid.

    Attributes:
        starts, items: solids of column (i, j) are items[starts[i * n + j] : starts[i * n + j + 1]].
        reaches: (len(items),) structured array of REACH, around each item.
        tops: (n, n) highest point of the solids of a column [m].
        ground_tops: (n, n) highest ground of a column [m].
        ceiling: highest point of all [m].
    """

    starts: NDArray[np.int64]
    items: NDArray[np.int64]
    reaches: NDArray[np.void]
    tops: NDArray[np.float64]
    ground_tops: NDArray[np.float64]
    ceiling: float


class Scene(NamedTuple):
    """Everything that a ray can meet around the vehicle; x, y in the world frame [m].

    Attributes:
        solids: (N,) structured array of `primitives.SOLID`.
        ground: heights of the window.
        columns: the acceleration grid over the window.
        volume: (S, S, S) noise of the foliage.
    """

    solids: NDArray[np.void]
    ground: Ground
    columns: Columns
    volume: NDArray[np.float32]


def build_scene(primitives: Primitives, ground: Ground, volume: NDArray[np.float32]) -> Scene:
    """Sort primitives into columns over a window of ground."""
    per_cell = round(CELL / ground.step)
    n = (ground.heights.shape[0] - 1) // per_cell
    low, high = primitives.bounds()
    first = np.floor((low[:, :2] - ground.origin) / CELL).astype(np.int64)
    last = np.floor((high[:, :2] - ground.origin) / CELL).astype(np.int64)
    near = ((last >= 0) & (first < n)).all(axis=1)
    first, last = np.clip(first[near], 0, n - 1), np.clip(last[near], 0, n - 1)
    low, high = low[near], high[near]
    starts, items, tops = _columns(first, last, high[:, 2], n)
    reaches = _reaches(low, high)[items]
    ceiling = float(max(tops.max(), ground.heights.max()))
    columns = Columns(starts, items, reaches, tops, _ground_tops(ground.heights, per_cell, n), ceiling)
    return Scene(primitives.rows[near], ground, columns, volume)


def _reaches(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.void]:
    """Return the cylinders (N,) around boxes from `low` to `high`, (N, 3) each [m]."""
    middle, half = (low + high) / 2, (high - low) / 2
    reaches = np.empty(len(low), REACH)
    reaches["x"], reaches["y"] = middle[:, 0], middle[:, 1]
    reaches["squared_radius"] = (half[:, :2] ** 2).sum(axis=1)
    reaches["bottom"], reaches["top"] = low[:, 2], high[:, 2]
    return reaches


@kernel
def _columns(
    first: NDArray[np.int64], last: NDArray[np.int64], top: NDArray[np.float64], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return `starts`, `items` and `tops` of `Columns` from the first and last columns (N, 2) of each solid."""
    counts = np.zeros(n * n + 1, np.int64)
    tops = np.full((n, n), -FAR)
    for p in range(len(first)):
        for i in range(first[p, 0], last[p, 0] + 1):
            for j in range(first[p, 1], last[p, 1] + 1):
                counts[i * n + j + 1] += 1
                tops[i, j] = max(tops[i, j], top[p])
    starts = np.cumsum(counts)
    fill = starts.copy()
    items = np.zeros(starts[-1], np.int64)
    for p in range(len(first)):
        for i in range(first[p, 0], last[p, 0] + 1):
            for j in range(first[p, 1], last[p, 1] + 1):
                items[fill[i * n + j]] = p
                fill[i * n + j] += 1
    return starts, items, tops


@kernel
def _ground_tops(heights: NDArray[np.float32], per_cell: int, n: int) -> NDArray[np.float64]:
    """Return the highest ground (n, n) of each column."""
    high = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            high[i, j] = heights[i * per_cell : (i + 1) * per_cell + 1, j * per_cell : (j + 1) * per_cell + 1].max()
    return high


@kernel
def bilinear(raster: NDArray[np.float32], x: float, y: float) -> float:
    """Return the bilinear sample at raster coordinates, clamped to the raster."""
    x = min(max(x, 0.0), raster.shape[0] - 1.001)
    y = min(max(y, 0.0), raster.shape[1] - 1.001)
    i, j = int(x), int(y)
    u, v = x - i, y - j
    low = raster[i, j] * (1 - v) + raster[i, j + 1] * v
    return low * (1 - u) + (raster[i + 1, j] * (1 - v) + raster[i + 1, j + 1] * v) * u


@kernel
def ground_height(ground: Ground, x: float, y: float) -> float:
    """Return the height of the ground at (x, y) [m]."""
    return bilinear(ground.heights, (x - ground.origin[0]) / ground.step, (y - ground.origin[1]) / ground.step)
