"""The light along a camera's ray: sky, or a surface under sun, sky and haze."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.colors import Rgb, scaled
from ssc_ros.simulation.ground import ground_surface
from ssc_ros.simulation.intersect import CAPSULE, LEAVES
from ssc_ros.simulation.materials import LEAF, surface
from ssc_ros.simulation.noise import value2
from ssc_ros.simulation.raycast import from_position, into_frame, out_of_frame, trace
from ssc_ros.simulation.rays import GROUND, NOTHING, Hit, Ray, Vector, dot, point_at, vector
from ssc_ros.simulation.scene import Ground, Scene, ground_height
from ssc_ros.simulation.terrain import Terrain
from ssc_ros.simulation.weather import Light

SHADOW_DISTANCE = 45.0
"""How far from a surface something is looked for that shades it [m]."""


class Appearance(NamedTuple):
    """A surface without its light.

    Attributes:
        albedo: linear colour, 0..1.
        normal: in the world frame.
        label: raw label.
        glass: share of the sky's reflection, 0..1.
        leafy: made of leaves, which let light through.
    """

    albedo: Rgb
    normal: Vector
    label: int
    glass: float
    leafy: bool


@kernel
def sky_color(light: Light, d: Vector) -> Rgb:
    """Return the radiance of the sky in a direction: clouds above a hazy silhouette of hills and trees."""
    haze, seed = light.haze, light.seed
    azimuth = np.arctan2(d.y, d.x)
    ridge = 0.004 + 0.05 * value2(azimuth * 9.0, 0.5, seed) * value2(azimuth * 2.0, 7.5, seed)
    ridge += 0.008 * value2(azimuth * 60.0, 3.5, seed)
    if d.z < ridge:
        k = 0.45 if d.z > 0 else 0.7
        return Rgb(0.08 + k * haze.r * 0.5, 0.10 + k * haze.g * 0.5, 0.09 + k * haze.b * 0.5)
    up = min(max(d.z, 0.0) * 2.2, 1.0)
    r, g, b = haze.r * (1 - up) + 0.35 * up, haze.g * (1 - up) + 0.62 * up, haze.b * (1 - up) + 1.15 * up
    px, py = d.x / (d.z + 0.12), d.y / (d.z + 0.12)
    cloud = 0.6 * value2(px * 0.9, py * 0.9, seed + 1) + 0.3 * value2(px * 2.3, py * 2.3, seed + 2)
    cloud += 0.15 * value2(px * 6.0, py * 6.0, seed + 3)
    cover = min(max((cloud - 0.95 + 0.9 * light.cover) * 3.0, 0.0), 1.0)
    white = 1.25 - 0.35 * light.cover
    return Rgb(r + (white - r) * cover, g + (white - g) * cover, b + (white - b) * cover)


@kernel
def _ground_normal(ground: Ground, x: float, y: float) -> Vector:
    """Return the upward unit normal of the ground at (x, y) [m]."""
    e = ground.step
    gx = (ground_height(ground, x + e, y) - ground_height(ground, x - e, y)) / (2 * e)
    gy = (ground_height(ground, x, y + e) - ground_height(ground, x, y - e)) / (2 * e)
    norm = np.sqrt(1 + gx * gx + gy * gy)
    return Vector(-gx / norm, -gy / norm, 1 / norm)


@kernel
def local_point(solid: np.void, p: Vector) -> Vector:
    """Return a world point in a solid's frame; a capsule's frame is not turned."""
    offset = from_position(solid, p)
    return offset if solid["kind"] == CAPSULE else into_frame(solid, offset)


@kernel
def _ground_appearance(scene: Scene, terrain: Terrain, p: Vector, direction: Vector, size: float) -> Appearance:
    """Return how the ground looks at a point, through a pixel that covers `size` [m] across the ray."""
    normal = _ground_normal(scene.ground, p.x, p.y)
    grazing = max(-dot(normal, direction), 0.03)
    albedo, label = ground_surface(terrain, p.x, p.y, size / np.sqrt(grazing))
    return Appearance(albedo, normal, label, 0.0, False)


@kernel
def _solid_appearance(solid: np.void, p: Vector, normal: Vector, size: float) -> Appearance:
    """Return how a solid looks at a point with a normal in its frame, through a pixel that covers `size` [m]."""
    local = local_point(solid, p)
    albedo, glass = surface(solid, local, normal, size * 1.4)
    leafy = solid["material"] == LEAF
    if leafy:  # leaves deep inside are in the shade of the others
        half, q = vector(solid["extent"]), 0.85
        if solid["kind"] == LEAVES:
            q = min((local.x / half.x) ** 2 + (local.y / half.y) ** 2 + (local.z / half.z) ** 2, 1.0)
        albedo = scaled(albedo, 0.35 + 0.65 * q)
    turned = normal if solid["kind"] == CAPSULE else out_of_frame(solid, normal)
    return Appearance(albedo, turned, solid["label"], glass, leafy)


@kernel
def _sunlight(scene: Scene, light: Light, p: Vector, seen: Appearance) -> float:
    """Return the share of the sun's light that a point reflects: 0 in the shade."""
    facing = dot(seen.normal, light.direction)
    if seen.leafy:
        facing = 0.35 + 0.5 * facing
    if facing <= 0.0 or light.sun.r <= 0.0:
        return 0.0
    # the shadow ray starts above the surface, so that the surface does not shade itself
    start = point_at(Ray(p, light.direction), 0.45 if seen.leafy else 0.03)
    if not seen.leafy:
        start = point_at(Ray(start, seen.normal), 0.02)
    blocker = trace(scene, Ray(start, light.direction), SHADOW_DISTANCE, True).solid
    return facing if blocker == NOTHING else 0.0


@kernel
def shade(scene: Scene, terrain: Terrain, light: Light, ray: Ray, hit: Hit, pixel: float) -> tuple[Rgb, int]:
    """Return radiance and raw label at the hit of a camera's ray; `pixel` is the angle of a pixel [rad]."""
    t, d, solid = hit.distance, ray.direction, hit.solid
    p = point_at(ray, t)
    # 1. the surface
    if solid == GROUND:
        seen = _ground_appearance(scene, terrain, p, d, t * pixel)
    else:
        seen = _solid_appearance(scene.solids[solid], p, hit.normal, t * pixel)
    # 2. the sun, and the light of the sky from above
    sun, sky, haze, n = light.sun, light.sky, light.haze, seen.normal
    direct, ambient = _sunlight(scene, light, p, seen), 0.55 + 0.45 * n.z
    r = seen.albedo.r * (sun.r * direct + sky.r * ambient)
    g = seen.albedo.g * (sun.g * direct + sky.g * ambient)
    b = seen.albedo.b * (sun.b * direct + sky.b * ambient)
    # 3. a faint, smooth reflection of the sky
    if seen.glass > 0.0:
        up = d.z - 2 * dot(n, d) * n.z
        k = 0.25 * seen.glass * min(max(up + 0.3, 0.05), 1.0)
        r, g, b = r + k * sky.r, g + k * sky.g, b + k * sky.b
    # 4. the haze in between
    veil = 1 - np.exp(-t * light.density)
    return Rgb(r + (haze.r - r) * veil, g + (haze.g - g) * veil, b + (haze.b - b) * veil), seen.label
