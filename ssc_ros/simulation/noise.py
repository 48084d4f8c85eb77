"""Deterministic noise: integer hashes, value noise and band-limited textures, all functions of position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel

VOLUME_SIZE = 64
"""Edge of the periodic noise volume of `foliage_volume`, in samples."""


@kernel
def hash01(x: int, y: int, z: int, seed: int) -> float:
    """Return a uniform pseudo-random number in [0, 1) for an integer lattice point."""
    h = (x * 374761393 + y * 668265263 + z * 1440662683 + seed * 3266489917 + 1013904223) & 0xFFFFFFFF
    h = ((h ^ (h >> 15)) * 2246822519) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 3266489917) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFFFF) / 16777216.0


@kernel
def value2(x: float, y: float, seed: int) -> float:
    """Return smooth value noise in [0, 1) with lattice spacing 1."""
    xf, yf = np.floor(x), np.floor(y)
    ix, iy = int(xf), int(yf)
    u, v = x - xf, y - yf
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    a, b = hash01(ix, iy, 0, seed), hash01(ix + 1, iy, 0, seed)
    c, d = hash01(ix, iy + 1, 0, seed), hash01(ix + 1, iy + 1, 0, seed)
    return (a + (b - a) * u) * (1 - v) + (c + (d - c) * u) * v


@kernel
def grain(u: float, v: float, seed: int, footprint: float) -> float:
    """Return four octaves of surface texture in about [-1, 1] at (u, v) [m].

    Octaves finer than a pixel's `footprint` [m] fade out, so that both cameras see the same texture without aliasing.
    """
    total = 0.0
    scale = 0.9
    for octave in range(4):
        weight = scale / (footprint + 1e-6) * 0.5 - 0.5
        if weight <= 0.0:
            break
        total += min(weight, 1.0) * (value2(u / scale, v / scale, seed + octave) - 0.5)
        scale *= 0.32
    return total


@kernel
def sample_volume(volume: NDArray[np.float32], x: float, y: float, z: float) -> float:
    """Return the trilinear sample of a periodic volume (S, S, S) at sample coordinates."""
    xf, yf, zf = np.floor(x), np.floor(y), np.floor(z)
    mask = VOLUME_SIZE - 1
    x0, y0, z0 = int(xf) & mask, int(yf) & mask, int(zf) & mask
    x1, y1, z1 = (x0 + 1) & mask, (y0 + 1) & mask, (z0 + 1) & mask
    u, v, w = x - xf, y - yf, z - zf
    c00 = volume[x0, y0, z0] * (1 - w) + volume[x0, y0, z1] * w
    c01 = volume[x0, y1, z0] * (1 - w) + volume[x0, y1, z1] * w
    c10 = volume[x1, y0, z0] * (1 - w) + volume[x1, y0, z1] * w
    c11 = volume[x1, y1, z0] * (1 - w) + volume[x1, y1, z1] * w
    return (c00 * (1 - v) + c01 * v) * (1 - u) + (c10 * (1 - v) + c11 * v) * u


def foliage_volume() -> NDArray[np.float32]:
    """Return periodic noise (64, 64, 64) float32 in [0, 1] of three octaves, evenly distributed, always the same."""
    rng = np.random.default_rng(20260801)
    total = np.zeros((VOLUME_SIZE,) * 3)
    for coarse, weight in ((16, 1.0), (32, 0.7), (64, 0.45)):
        lattice = rng.random((coarse,) * 3)
        repeat = VOLUME_SIZE // coarse
        fine = lattice.repeat(repeat, 0).repeat(repeat, 1).repeat(repeat, 2)
        for axis in range(3):
            for _ in range(repeat - 1):
                fine = (fine + np.roll(fine, 1, axis)) / 2
        total += weight * (fine - 0.5) / fine.std()
    ranks = total.ravel().argsort().argsort()
    return (ranks / (ranks.size - 1)).reshape(total.shape).astype(np.float32)
