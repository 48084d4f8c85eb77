"""Look of the primitives: procedural albedo at a point of their surface, and how they reflect the LiDAR."""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.noise import grain, hash01, value2
from ssc_ros.simulation.primitives import Material

PAINT, CABIN, RUBBER, FACADE = int(Material.PAINT), int(Material.CABIN), int(Material.RUBBER), int(Material.FACADE)
ROOF, BRICK, CONCRETE, WOOD = int(Material.ROOF), int(Material.BRICK), int(Material.CONCRETE), int(Material.WOOD)
METAL, LEAF, BARK, CLOTH = int(Material.METAL), int(Material.LEAF), int(Material.BARK), int(Material.CLOTH)
SIGN, CARGO, BUS = int(Material.SIGN), int(Material.CARGO), int(Material.BUS)


@kernel
def frac(x):
    """Fractional part."""
    return x - np.floor(x)


@kernel
def _bricks(u, v, seed, footprint):
    row = np.floor(v / 0.075)
    w = u / 0.24 + 0.5 * (int(row) & 1)
    if footprint < 0.03 and (frac(w) < 0.06 or frac(v / 0.075) < 0.16):
        return 1.25
    return 0.75 + 0.4 * hash01(int(np.floor(w)), int(row), 0, seed)


@kernel
def _speckle(x, y, z, seed):
    return hash01(int(np.floor(x)), int(np.floor(y)), int(np.floor(z)), seed)


@kernel
def _facade(u, v, a, storey, seed, r, g, b, footprint):
    """Wall with windows: u along the wall, v above the ground [m]; returns colour and glassiness."""
    span = 2.0 + 1.8 * hash01(1, 0, 0, seed)
    floor, column = np.floor(v / storey), np.floor(u / span)
    x, z = u - column * span, v - floor * storey
    width, tall = 0.8 + 0.7 * hash01(2, 0, 0, seed), 1.2 + 0.5 * hash01(3, 0, 0, seed)
    style = hash01(int(column), int(floor), 5, seed)
    left, sill = (span - width) / 2, 0.85
    if floor < 1 and style < 0.16:  # a door
        sill, tall = 0.05, 2.1
    if v > 0.3 and style < 0.88 and abs(u) < a - 0.5:
        if left < x < left + width and sill < z < sill + tall:
            frame = 0.07
            middle = abs(x - span / 2)
            rim = min(x - left, left + width - x, z - sill, sill + tall - z)
            if rim < frame or middle < 0.03:
                c = 0.6 if hash01(4, 0, 0, seed) < 0.7 else 0.12
                return c, c, c, 0.0
            if floor < 1 and style < 0.16:
                return 0.25 * style * 6, 0.14, 0.09, 0.0
            if hash01(int(column), int(floor), 6, seed) < 0.2:  # a blind
                c = 0.45 + 0.1 * np.floor(frac(z / 0.1) * 2)
                return c, c, c * 0.9, 0.0
            curtain = 0.10 + 0.25 * value2(u * 4.0, v * 0.7, seed + 3)
            return 0.5 * curtain, 0.55 * curtain, 0.65 * curtain, 1.0
        if left - 0.12 < x < left + width + 0.12 and sill - 0.1 < z < sill + tall + 0.12:
            return min(r * 1.25, 0.85), min(g * 1.25, 0.85), min(b * 1.25, 0.85), 0.0
    stain = 0.85 + 0.25 * value2(u / 2.5, v / 1.2, seed + 1) - (0.25 if v < 0.6 else 0.0)
    if hash01(7, 0, 0, seed) < 0.35:
        stain *= 0.9 + 0.18 * (_bricks(u, v, seed, footprint) - 0.9)
    return r * stain, g * stain, b * stain, 0.0


@kernel
def surface(f, material, lx, ly, lz, nx, ny, nz, footprint):
    """Albedo and glassiness of a primitive.

    Args:
        f: the primitive's float row.
        material: its material.
        lx, ly, lz: point in the primitive's frame [m].
        nx, ny, nz: normal in the primitive's frame.
        footprint: size of a pixel on the surface [m].

    Returns:
        r, g, b, glass (0..1).
    """
    seed = int(f[14])
    r, g, b, glass = f[11], f[12], f[13], 0.0
    a, half, c = f[5], f[6], f[7]
    on_side, on_top = abs(ny) > 0.7, nz > 0.8
    u, v = (lx, lz) if on_side else ((lx, ly) if on_top else (ly, lz))
    texture = grain(u, v, seed, footprint)
    contrast = 0.30
    if material == LEAF:
        leaf = _speckle(lx * 31, ly * 31, lz * 31, seed) if footprint < 0.03 else 0.5
        twig = _speckle(lx * 11, ly * 11, lz * 11, seed + 1) if footprint < 0.07 else 0.5
        bough = value2(lx * 3.3 + lz, ly * 3.3 - lz, seed + 2)
        gain = 0.15 + 0.9 * leaf * leaf + 0.55 * twig + 0.5 * bough
        tint = 0.75 + 0.5 * bough
        return r * gain * tint, g * gain, b * gain, 0.0
    if material in (FACADE, BUS, CABIN):
        if on_top or nz < -0.5:
            pass
        elif material == FACADE:
            wall = half if not on_side else a
            r, g, b, glass = _facade(u, lz + c - 1.0, wall, f[15], seed + (1 if on_side else 0), r, g, b, footprint)
        else:
            rise = (lz + c) / (2 * c)
            low, high = (0.1, 0.86) if material == CABIN else (0.45, 0.86)
            pillar = frac((lx + a) / (2 * a) * (3.0 if material == CABIN else 6.0))
            inside = 0.04 < pillar < 0.96 if on_side else abs(ly) < half * 0.82
            if low < rise < high and inside:
                r, g, b, glass = 0.03, 0.035, 0.04, 1.0
        contrast = 0.12 if material != FACADE else 0.35
    elif material == PAINT:
        contrast = 0.06
        if on_side:
            if footprint < 0.03 and (frac(lx / 1.05) < 0.012 or abs(lz - c * 0.15) < 0.008):
                r, g, b = r * 0.4, g * 0.4, b * 0.4
            if lz < -c * 0.62:
                r, g, b = r * 0.35, g * 0.35, b * 0.35
        elif abs(nx) > 0.6:
            if abs(ly) > half * 0.66 and 0.0 < lz < c * 0.62:
                r, g, b = (0.75, 0.75, 0.72) if nx > 0 else (0.5, 0.02, 0.02)
            elif abs(ly) < 0.27 and -c * 0.35 < lz < -c * 0.05:
                r, g, b = 0.7, 0.7, 0.68
                letters = abs(lz + c * 0.2) < c * 0.09 and hash01(int(np.floor(ly * 22)), 0, 0, seed) < 0.5
                if letters and footprint < 0.02:
                    r = g = b = 0.05
            elif nx > 0 and lz < -c * 0.1:
                r, g, b = 0.06, 0.06, 0.06
    elif material == BRICK:
        k = _bricks(u, v, seed, footprint)
        r, g, b = r * k, g * k, b * k
    elif material == ROOF:
        k = 0.7 + 0.35 * hash01(int(np.floor(lx / 0.28)), int(np.floor(lz / 0.2)), 0, seed)
        k *= 0.75 if frac(lz / 0.2) < 0.2 and footprint < 0.1 else 1.0
        r, g, b = r * k, g * k, b * k
    elif material == WOOD:
        k = 0.7 + 0.5 * hash01(int(np.floor(lx / 0.14)), 0, 0, seed)
        k *= 0.5 if frac(lx / 0.14) < 0.07 and footprint < 0.05 else 1.0
        r, g, b = r * k, g * k, b * k
    elif material == BARK:
        contrast = 1.2
    elif material == CLOTH:
        contrast = 0.8
    elif material == RUBBER:
        if f[9] < 0.01 and lx * lx + lz * lz < 0.45 * f[8] * f[8]:
            r = g = b = 0.35 + 0.25 * frac((np.arctan2(lz, lx) + 4.0) * 0.7957747)
    elif material == CARGO:
        rib = frac(u / 0.45)
        k = 0.8 if rib < 0.08 else 1.0
        lettered = frac(v / 1.7 + 0.3) < 0.35 and hash01(9, 0, 0, seed) < 0.6
        if lettered and hash01(int(np.floor(u * 4)), int(np.floor(v * 4)), 0, seed) < 0.5:
            r, g, b = g, b, r * 0.5
        r, g, b = r * k, g * k, b * k
        contrast = 0.2
    elif material == SIGN and ny != 0.0:
        if ny < 0:  # the back
            return 0.28, 0.29, 0.30, 0.0
        rim = max(abs(lx) / a, abs(lz) / c)
        if f[15] < 0.5:
            rim = np.sqrt(lx * lx + lz * lz) / a
        elif f[15] < 2.5:
            rim = max(abs(lz) / c, abs(lx) / max(a * (c - lz if f[15] < 1.5 else c + lz) / (2 * c), 1e-3))
        if rim < 0.76:
            r = g = b = 0.75
            if footprint < 0.05 and hash01(int(np.floor(lx * 9)), int(np.floor(lz * 7)), 0, seed) < 0.4:
                r, g, b = 0.05, 0.05, 0.08
        contrast = 0.05
    gain = 1.0 + contrast * texture
    return r * gain, g * gain, b * gain, glass


@kernel
def reflectance(material, r, g, b, glass):
    """LiDAR intensity 0..1 at normal incidence; signs and plates are retro-reflective."""
    grey = (r + g + b) / 3
    if material == SIGN:
        return 0.95
    if material == LEAF:
        return 0.25 + 0.5 * grey
    if material == PAINT and grey > 0.66:
        return 0.8
    return (1 - 0.9 * glass) * (0.12 + 0.6 * grey)
