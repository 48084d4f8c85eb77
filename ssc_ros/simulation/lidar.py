"""The LiDAR: 64 beams as a Velodyne HDL-64E has them, with range noise, lost returns and intensity."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.camera import local_hit
from ssc_ros.simulation.ground import Terrain, ground_color, ground_label
from ssc_ros.simulation.materials import LEAF, reflectance, surface
from ssc_ros.simulation.raycast import GROUND, NOTHING, Scene, trace

COLUMNS = 2000
MAX_RANGE = 80.0
RANGE_NOISE = 0.012
"""Standard deviation of a range [m]."""
LEAF_GAP, LEAF_CHANCE, LEAF_LAYERS = 0.3, 0.6, 8
"""A beam passes this far [m] through foliage with this chance, again and again, at most so many times."""


@cache
def beam_directions() -> NDArray[np.float64]:
    """(64 * COLUMNS, 3) unit vectors in the LiDAR frame, ring by ring from the top, counter-clockwise from +x."""
    upper = np.linspace(2.0, -8.33, 32)  # one third of a degree apart
    lower = np.linspace(-8.83, -24.8, 32)  # half a degree apart
    elevation = np.radians(np.concatenate([upper, lower]))[:, None]
    # each laser has its own offset in azimuth
    offset = np.random.default_rng(64).uniform(0, 1, (64, 1))
    azimuth = (np.arange(COLUMNS)[None] + offset) * (2 * np.pi / COLUMNS)
    x, y = np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth)
    return np.stack([x, y, np.broadcast_to(np.sin(elevation), x.shape)], axis=-1).reshape(-1, 3)


@kernel
def _cast(scene, terrain, pose, beams, depths, ranges, labels, strengths):
    """Range (0: nothing), raw label and reflectance of each beam; strength falls where the surface is oblique."""
    ox, oy, oz = pose[0, 3], pose[1, 3], pose[2, 3]
    for k in range(len(beams)):
        bx, by, bz = beams[k]
        dx = pose[0, 0] * bx + pose[0, 1] * by + pose[0, 2] * bz
        dy = pose[1, 0] * bx + pose[1, 1] * by + pose[1, 2] * bz
        dz = pose[2, 0] * bx + pose[2, 1] * by + pose[2, 2] * bz
        t, what, nx, ny, nz = trace(scene, ox, oy, oz, dx, dy, dz, MAX_RANGE, False)
        ranges[k] = 0.0
        start = 0.0
        for _ in range(depths[k]):  # through gaps between leaves
            if what < 0 or scene.ints[what, 1] != LEAF:
                break
            start += t + LEAF_GAP
            t, what, nx, ny, nz = trace(
                scene, ox + start * dx, oy + start * dy, oz + start * dz, dx, dy, dz, MAX_RANGE - start, False
            )
        t += start
        if what == NOTHING:
            continue
        x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
        if what == GROUND:
            r, g, b = ground_color(terrain, x, y, 0.05)
            label, facing = ground_label(terrain, x, y), max(-dz, 0.0)
            strength = (0.1 + 0.9 * (r + g + b) / 3) * (0.4 + 0.6 * facing)
        else:
            f, material = scene.floats[what], scene.ints[what, 1]
            capsule = scene.ints[what, 0] == 2
            lx, ly, lz = local_hit(f, x, y, z, capsule)
            r, g, b, glass = surface(f, material, lx, ly, lz, nx, ny, nz, 0.03)
            label = scene.ints[what, 2]
            ux, uy = (dx, dy) if capsule else (f[3] * dx + f[4] * dy, -f[4] * dx + f[3] * dy)
            facing = 0.8 if material == LEAF else abs(ux * nx + uy * ny + dz * nz)
            strength = reflectance(material, r, g, b, glass) * (0.3 + 0.7 * facing)
        ranges[k], labels[k], strengths[k] = t, label, strength


def sweep(
    scene: Scene, terrain: Terrain, T_world_lidar: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """One revolution.

    Returns:
        points (N, 4) float32, x, y, z [m] in the LiDAR frame and intensity 0..1, and raw labels (N,) uint32.
    """
    beams = beam_directions()
    n = len(beams)
    ranges, labels, strengths = np.zeros(n), np.zeros(n, np.uint32), np.zeros(n)
    depths = np.minimum(rng.geometric(1 - LEAF_CHANCE, n) - 1, LEAF_LAYERS)
    _cast(scene, terrain, T_world_lidar, beams, depths, ranges, labels, strengths)
    luck = rng.random(n)
    # dark, oblique and far surfaces return too little light
    chance = 0.97 * np.clip(1.25 - 0.012 * ranges / np.maximum(strengths, 0.05) ** 0.5 * 0.25, 0.0, 1.0)
    chance[strengths < 0.03] = 0.25
    noisy = ranges + rng.normal(0.0, RANGE_NOISE, n)
    kept = (ranges > 1.5) & (luck < chance) & (noisy < MAX_RANGE)
    intensity = np.clip(strengths + rng.normal(0.0, 0.03, n), 0.0, 0.99)
    points = np.empty((int(kept.sum()), 4), np.float32)
    points[:, :3] = beams[kept] * noisy[kept, None]
    points[:, 3] = intensity[kept]
    return points, labels[kept]
