"""Look of the primitives: procedural albedo at a point of their surface, and how they reflect the LiDAR."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.colors import Rgb, grey, rgb, scaled
from ssc_ros.simulation.facades import bricks, facade, frac
from ssc_ros.simulation.intersect import POINT_DOWN, POINT_UP, ROUND
from ssc_ros.simulation.noise import grain, hash01, value2
from ssc_ros.simulation.primitives import Material
from ssc_ros.simulation.rays import Vector, vector

PAINT, CABIN, RUBBER, FACADE = int(Material.PAINT), int(Material.CABIN), int(Material.RUBBER), int(Material.FACADE)
ROOF, BRICK, WOOD, LEAF = int(Material.ROOF), int(Material.BRICK), int(Material.WOOD), int(Material.LEAF)
SIGN, CARGO, BUS = int(Material.SIGN), int(Material.CARGO), int(Material.BUS)
_SPECIAL_CONTRAST = {
    Material.FACADE: 0.35, Material.CABIN: 0.12, Material.BUS: 0.12, Material.PAINT: 0.06,
    Material.BARK: 1.2, Material.CLOTH: 0.8, Material.CARGO: 0.2, Material.SIGN: 0.05,
}  # fmt: skip
CONTRAST = np.array([_SPECIAL_CONTRAST.get(material, 0.30) for material in Material])
"""Strength of the texture of each material."""
BACK_OF_SIGN = Rgb(0.28, 0.29, 0.30)
GLASS = Rgb(0.03, 0.035, 0.04)


class Patch(NamedTuple):
    """The place on a primitive's surface that a pixel sees.

    Attributes:
        point, normal: in the primitive's frame [m].
        half: half sizes of the primitive [m].
        u, v: coordinates on the surface [m].
        on_side: the surface faces left or right.
        footprint: size of the pixel on the surface [m].
        seed: of the primitive's texture.
    """

    point: Vector
    normal: Vector
    half: Vector
    u: float
    v: float
    on_side: bool
    footprint: float
    seed: int


@kernel
def _speckle(p: Vector, scale: float, seed: int) -> float:
    """Return a random number 0..1 for each cube of an edge of 1 / scale [m]."""
    return hash01(int(np.floor(p.x * scale)), int(np.floor(p.y * scale)), int(np.floor(p.z * scale)), seed)


@kernel
def _leaves(color: Rgb, p: Vector, seed: int, footprint: float) -> Rgb:
    """Return the albedo of foliage: leaves, twigs and boughs of different brightness."""
    leaf = _speckle(p, 31.0, seed) if footprint < 0.03 else 0.5
    twig = _speckle(p, 11.0, seed + 1) if footprint < 0.07 else 0.5
    bough = value2(p.x * 3.3 + p.z, p.y * 3.3 - p.z, seed + 2)
    gain = 0.15 + 0.9 * leaf * leaf + 0.55 * twig + 0.5 * bough
    tint = 0.75 + 0.5 * bough
    return Rgb(color.r * gain * tint, color.g * gain, color.b * gain)


@kernel
def _has_pane(patch: Patch, is_cabin: bool) -> bool:
    """Return whether a car's cabin or a bus has a window here."""
    p, half = patch.point, patch.half
    rise = (p.z + half.z) / (2 * half.z)
    low = 0.1 if is_cabin else 0.45
    pillar = frac((p.x + half.x) / (2 * half.x) * (3.0 if is_cabin else 6.0))
    inside = 0.04 < pillar < 0.96 if patch.on_side else abs(p.y) < half.y * 0.82
    return low < rise < 0.86 and inside


@kernel
def _bodywork(color: Rgb, patch: Patch) -> Rgb:
    """Return the albedo of a car's body: door gaps and sills, lamps, number plates and the grille."""
    p, n, half = patch.point, patch.normal, patch.half
    if patch.on_side:
        if patch.footprint < 0.03 and (frac(p.x / 1.05) < 0.012 or abs(p.z - half.z * 0.15) < 0.008):
            color = scaled(color, 0.4)
        if p.z < -half.z * 0.62:
            color = scaled(color, 0.35)
    elif abs(n.x) > 0.6:
        if abs(p.y) > half.y * 0.66 and 0.0 < p.z < half.z * 0.62:
            return Rgb(0.75, 0.75, 0.72) if n.x > 0 else Rgb(0.5, 0.02, 0.02)
        if abs(p.y) < 0.27 and -half.z * 0.35 < p.z < -half.z * 0.05:
            printed = abs(p.z + half.z * 0.2) < half.z * 0.09
            letters = printed and hash01(int(np.floor(p.y * 22)), 0, 0, patch.seed) < 0.5
            return grey(0.05) if letters and patch.footprint < 0.02 else Rgb(0.7, 0.7, 0.68)
        if n.x > 0 and p.z < -half.z * 0.1:
            return grey(0.06)
    return color


@kernel
def _tiles(color: Rgb, patch: Patch) -> Rgb:
    """Return the albedo of roof tiles."""
    x, z = patch.point.x, patch.point.z
    k = 0.7 + 0.35 * hash01(int(np.floor(x / 0.28)), int(np.floor(z / 0.2)), 0, patch.seed)
    k *= 0.75 if frac(z / 0.2) < 0.2 and patch.footprint < 0.1 else 1.0
    return scaled(color, k)


@kernel
def _planks(color: Rgb, patch: Patch) -> Rgb:
    """Return the albedo of upright boards."""
    x = patch.point.x
    k = 0.7 + 0.5 * hash01(int(np.floor(x / 0.14)), 0, 0, patch.seed)
    k *= 0.5 if frac(x / 0.14) < 0.07 and patch.footprint < 0.05 else 1.0
    return scaled(color, k)


@kernel
def _cargo(color: Rgb, patch: Patch) -> Rgb:
    """Return the albedo of a ribbed container, some with lettering."""
    u, v, seed = patch.u, patch.v, patch.seed
    lettered = frac(v / 1.7 + 0.3) < 0.35 and hash01(9, 0, 0, seed) < 0.6
    if lettered and hash01(int(np.floor(u * 4)), int(np.floor(v * 4)), 0, seed) < 0.5:
        color = Rgb(color.g, color.b, color.r * 0.5)
    return scaled(color, 0.8 if frac(u / 0.45) < 0.08 else 1.0)


@kernel
def _face_of_sign(color: Rgb, patch: Patch, shape: float) -> Rgb:
    """Return the albedo of the front of a sign: a coloured rim around a white face with dark symbols."""
    x, z, a, c = patch.point.x, patch.point.z, patch.half.x, patch.half.z
    rim = max(abs(x) / a, abs(z) / c)
    if shape < ROUND:
        rim = np.sqrt(x * x + z * z) / a
    elif shape < POINT_DOWN:
        rim = max(abs(z) / c, abs(x) / max(a * (c - z if shape < POINT_UP else c + z) / (2 * c), 1e-3))
    if rim >= 0.76:
        return color
    symbol = patch.footprint < 0.05 and hash01(int(np.floor(x * 9)), int(np.floor(z * 7)), 0, patch.seed) < 0.4
    return Rgb(0.05, 0.05, 0.08) if symbol else grey(0.75)


@kernel
def _pattern(solid: np.void, color: Rgb, patch: Patch) -> Rgb:
    """Return the albedo of the materials without glass, before their texture."""
    material = solid["material"]
    if material == PAINT:
        return _bodywork(color, patch)
    if material == BRICK:
        return scaled(color, bricks(patch.u, patch.v, patch.seed, patch.footprint))
    if material == ROOF:
        return _tiles(color, patch)
    if material == WOOD:
        return _planks(color, patch)
    if material == CARGO:
        return _cargo(color, patch)
    if material == SIGN:
        return _face_of_sign(color, patch, solid["param"])
    if material == RUBBER:
        x, z = patch.point.x, patch.point.z
        if solid["hole"] < 0.01 and x * x + z * z < 0.45 * solid["radius"] * solid["radius"]:
            return grey(0.35 + 0.25 * frac((np.arctan2(z, x) + 4.0) * 0.7957747))  # a hub cap of five parts
    return color


@kernel
def surface(solid: np.void, p: Vector, n: Vector, footprint: float) -> tuple[Rgb, float]:
    """Return albedo and glassiness (0..1) of a primitive.

    Args:
        solid: the primitive, a row of SOLID.
        p, n: point [m] and normal in the primitive's frame.
        footprint: size of a pixel on the surface [m].
    """
    material, seed, color, half = solid["material"], solid["seed"], rgb(solid["color"]), vector(solid["extent"])
    if material == LEAF:
        return _leaves(color, p, seed, footprint), 0.0
    if material == SIGN and n.y < 0:
        return BACK_OF_SIGN, 0.0
    on_side, on_top = abs(n.y) > 0.7, n.z > 0.8
    u, v = (p.x, p.z) if on_side else ((p.x, p.y) if on_top else (p.y, p.z))
    patch = Patch(p, n, half, u, v, on_side, footprint, seed)
    glass, upright = 0.0, not (on_top or n.z < -0.5)
    if material == FACADE:
        if upright:
            # each wall of a house has a pattern of its own
            wall, pattern = half.x if on_side else half.y, seed + (1 if on_side else 0)
            color, glass = facade(u, p.z + half.z - 1.0, wall, solid["param"], pattern, color, footprint)
    elif material in (CABIN, BUS):
        if upright and _has_pane(patch, material == CABIN):
            color, glass = GLASS, 1.0
    else:
        color = _pattern(solid, color, patch)
    return scaled(color, 1.0 + CONTRAST[material] * grain(u, v, seed, footprint)), glass


@kernel
def reflectance(material: int, albedo: Rgb, glass: float) -> float:
    """Return the LiDAR intensity 0..1 at normal incidence; signs and number plates are retro-reflective."""
    brightness = (albedo.r + albedo.g + albedo.b) / 3
    if material == SIGN:
        return 0.95
    if material == LEAF:
        return 0.25 + 0.5 * brightness
    if material == PAINT and brightness > 0.66:
        return 0.8
    return (1 - 0.9 * glass) * (0.12 + 0.6 * brightness)
