"""The scene as flat arrays, and the traversal that finds what a ray hits first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation import intersect
from ssc_ros.simulation.intersect import BOX, CAPSULE, ELLIPSOID, FAR, LEAVES, PANEL, WHEEL
from ssc_ros.simulation.primitives import Primitives

CELL = 2.0
"""Edge of a column of the acceleration grid [m]."""
GROUND = -1
NOTHING = -2


class Scene(NamedTuple):
    """Everything a ray can meet around the vehicle; x, y in the world frame [m].

    Attributes:
        floats, ints: the primitives (see `Primitives`).
        origin: (2,) lower corner of the window.
        starts, items: primitives of column (i, j) are items[starts[i * n + j] : starts[i * n + j + 1]].
        reaches: (len(items), 5) upright cylinder around each item: x, y, squared radius, bottom, top.
        tops: (n, n) highest point of the primitives of a column.
        heights: ground height at a raster of `ground_step`.
        ground_step: [m].
        ground_high: (n, n) highest ground of a column.
        volume: foliage noise.
        ceiling: nothing is higher than this [m].
    """

    floats: NDArray[np.float64]
    ints: NDArray[np.int64]
    origin: NDArray[np.float64]
    starts: NDArray[np.int64]
    items: NDArray[np.int64]
    reaches: NDArray[np.float64]
    tops: NDArray[np.float64]
    heights: NDArray[np.float32]
    ground_step: float
    ground_high: NDArray[np.float64]
    volume: NDArray[np.float32]
    ceiling: float


def build_scene(
    primitives: Primitives,
    origin: NDArray[np.float64],
    heights: NDArray[np.float32],
    ground_step: float,
    volume: NDArray[np.float32],
) -> Scene:
    """Sort primitives into columns over a square ground raster (M, M)."""
    per_cell = round(CELL / ground_step)
    n = (heights.shape[0] - 1) // per_cell
    low, high = primitives.bounds()
    first = np.floor((low[:, :2] - origin) / CELL).astype(np.int64)
    last = np.floor((high[:, :2] - origin) / CELL).astype(np.int64)
    near = ((last >= 0) & (first < n)).all(axis=1)
    kept = Primitives(primitives.floats[near], primitives.ints[near])
    first, last = np.clip(first[near], 0, n - 1), np.clip(last[near], 0, n - 1)
    low, high = low[near], high[near]
    starts, items, tops = _columns(first, last, high[:, 2], n)
    middle, half = (low + high) / 2, (high - low) / 2
    cylinders = np.column_stack([middle[:, :2], (half[:, :2] ** 2).sum(axis=1), low[:, 2], high[:, 2]])
    ground_high = _ground_high(heights, per_cell, n)
    ceiling = float(max(tops.max(), heights.max()))
    return Scene(
        kept.floats, kept.ints, origin, starts, items, cylinders[items], tops,
        heights, ground_step, ground_high, volume, ceiling,
    )  # fmt: skip


@kernel
def _columns(first, last, top, n):
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
def _ground_high(heights, per_cell, n):
    high = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            high[i, j] = heights[i * per_cell : (i + 1) * per_cell + 1, j * per_cell : (j + 1) * per_cell + 1].max()
    return high


@kernel
def bilinear(raster, x, y):
    """Bilinear sample at raster coordinates, clamped to the raster."""
    x = min(max(x, 0.0), raster.shape[0] - 1.001)
    y = min(max(y, 0.0), raster.shape[1] - 1.001)
    i, j = int(x), int(y)
    u, v = x - i, y - j
    low = raster[i, j] * (1 - v) + raster[i, j + 1] * v
    return low * (1 - u) + (raster[i + 1, j] * (1 - v) + raster[i + 1, j + 1] * v) * u


@kernel
def ground_height(scene, x, y):
    """Height of the ground at (x, y) [m]."""
    step = scene.ground_step
    return bilinear(scene.heights, (x - scene.origin[0]) / step, (y - scene.origin[1]) / step)


@kernel
def _march_ground(heights, x0, y0, inverse, ox, oy, oz, dx, dy, dz, t0, t1):
    """First crossing of the ground between t0 and t1; FAR if there is none."""
    steps = int(np.ceil((t1 - t0) * inverse / 1.2)) + 1
    h = (t1 - t0) / steps
    before = oz + t0 * dz - bilinear(heights, (ox + t0 * dx - x0) * inverse, (oy + t0 * dy - y0) * inverse)
    if before < 0.0:
        return t0 if before > -0.05 else FAR
    for k in range(1, steps + 1):
        t = t0 + k * h
        after = oz + t * dz - bilinear(heights, (ox + t * dx - x0) * inverse, (oy + t * dy - y0) * inverse)
        if after < 0.0:
            t -= h * after / (after - before)
            # one more secant: the ground is bilinear, so a single chord leaves millimetres
            middle = oz + t * dz - bilinear(heights, (ox + t * dx - x0) * inverse, (oy + t * dy - y0) * inverse)
            slope = (after - before) / h
            return t - middle / slope if abs(middle) < 0.1 else t
        before = after
    return FAR


@kernel
def _meet(floats, ints, volume, p, ox, oy, oz, dx, dy, dz, t0, t1, coarse):
    """Intersection with primitive p; foliage is searched between t0 and t1 only. Normal in the primitive's frame."""
    kind = ints[p, 0]
    x, y, z = ox - floats[p, 0], oy - floats[p, 1], oz - floats[p, 2]
    if kind == CAPSULE:
        return intersect.capsule(x, y, z, dx, dy, dz, floats[p, 5], floats[p, 6], floats[p, 7], floats[p, 8])
    cos, sin = floats[p, 3], floats[p, 4]
    lx, ly = cos * x + sin * y, -sin * x + cos * y
    ux, uy = cos * dx + sin * dy, -sin * dx + cos * dy
    a, b, c = floats[p, 5], floats[p, 6], floats[p, 7]
    if kind == BOX:
        near, far, nx, ny, nz = intersect.box(lx, ly, z, ux, uy, dz, a, b, c, floats[p, 8], floats[p, 9], floats[p, 10])
        if near <= 0.0:
            return FAR, 0.0, 0.0, 0.0
        return near, nx, ny, nz
    if kind == PANEL:
        t, ny = intersect.panel(lx, ly, z, ux, uy, dz, a, c, ints[p, 1], floats[p, 15])
        return t, 0.0, ny, 0.0
    if kind == WHEEL:
        return intersect.wheel(lx, ly, z, ux, uy, dz, a, b, floats[p, 9])
    if kind == ELLIPSOID:
        near, far = intersect.ellipsoid(lx, ly, z, ux, uy, dz, a, b, c)
        if near <= 0.0 or near >= FAR:
            return FAR, 0.0, 0.0, 0.0
        qx, qy, qz = (lx + near * ux) / (a * a), (ly + near * uy) / (b * b), (z + near * dz) / (c * c)
        norm = np.sqrt(qx * qx + qy * qy + qz * qz)
        return near, qx / norm, qy / norm, qz / norm
    if kind == LEAVES:
        near, far = intersect.ellipsoid(lx, ly, z, ux, uy, dz, a, b, c)
    else:
        near, far, _, _, _ = intersect.box(lx, ly, z, ux, uy, dz, a, b, c, 0.0, 0.0, 0.0)
    near, far = max(near, t0), min(far, t1)
    if near >= far:
        return FAR, 0.0, 0.0, 0.0
    step = 0.35 if coarse else 0.14 + 0.003 * near
    t = intersect.foliage(
        volume, kind != LEAVES, near, far, lx, ly, z, ux, uy, dz, a, b, c, floats[p, 15], floats[p, 14], step
    )
    if t >= FAR:
        return FAR, 0.0, 0.0, 0.0
    nx, ny, nz = (lx + t * ux) / a, (ly + t * uy) / b, (z + t * dz) / c
    norm = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
    return t, nx / norm, ny / norm, nz / norm


@kernel
def trace(scene, ox, oy, oz, dx, dy, dz, reach, any_hit):
    """What a ray of unit direction hits first within `reach` [m].

    With `any_hit` the search stops at the first solid found, and foliage is sampled coarsely (shadow rays).

    Returns:
        Distance, primitive (GROUND, NOTHING or an index), and normal in the primitive's frame (zero for the ground).
    """
    tops, ground_high, starts, items = scene.tops, scene.ground_high, scene.starts, scene.items
    floats, ints, volume, heights = scene.floats, scene.ints, scene.volume, scene.heights
    x0, y0, inverse, ceiling = scene.origin[0], scene.origin[1], 1 / scene.ground_step, scene.ceiling
    reaches, run = scene.reaches, dx * dx + dy * dy
    n = tops.shape[0]
    best, what, bx, by, bz = reach, NOTHING, 0.0, 0.0, 0.0
    sx, sy = (ox - scene.origin[0]) / CELL, (oy - scene.origin[1]) / CELL
    i, j = int(np.floor(sx)), int(np.floor(sy))
    step_i, step_j = (1 if dx > 0 else -1), (1 if dy > 0 else -1)
    delta_i = CELL / abs(dx) if abs(dx) > 1e-12 else FAR
    delta_j = CELL / abs(dy) if abs(dy) > 1e-12 else FAR
    next_i = delta_i * ((i + 1 - sx) if dx > 0 else (sx - i)) if delta_i < FAR else FAR
    next_j = delta_j * ((j + 1 - sy) if dy > 0 else (sy - j)) if delta_j < FAR else FAR
    t0 = 0.0
    while 0 <= i < n and 0 <= j < n and t0 < best:
        t1 = min(next_i, next_j)
        z0, z1 = oz + t0 * dz, oz + min(t1, best) * dz
        lowest, highest = min(z0, z1), max(z0, z1)
        if dz > 0.0 and z0 > ceiling:
            break
        if lowest < tops[i, j]:
            cell = i * n + j
            for k in range(starts[cell], starts[cell + 1]):
                if highest < reaches[k, 3] or lowest > reaches[k, 4]:
                    continue
                side = (reaches[k, 0] - ox) * dy - (reaches[k, 1] - oy) * dx
                if side * side > reaches[k, 2] * run:
                    continue
                p = items[k]
                t, nx, ny, nz = _meet(floats, ints, volume, p, ox, oy, oz, dx, dy, dz, t0, min(t1, best), any_hit)
                if 1e-4 < t < best:
                    best, what, bx, by, bz = t, p, nx, ny, nz
                    if any_hit:
                        return best, what, bx, by, bz
        if not any_hit and lowest < ground_high[i, j]:
            t = _march_ground(heights, x0, y0, inverse, ox, oy, oz, dx, dy, dz, t0, min(t1, best))
            if t < best:
                return t, GROUND, 0.0, 0.0, 0.0
        if next_i < next_j:
            i += step_i
            t0, next_i = next_i, next_i + delta_i
        else:
            j += step_j
            t0, next_j = next_j, next_j + delta_j
    return best, what, bx, by, bz
