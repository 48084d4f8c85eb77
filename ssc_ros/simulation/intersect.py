"""Exact ray intersections with every kind of primitive, in the primitive's frame; all functions are compiled by numba.

A distance is FAR where the ray meets nothing; normals are outward unit vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.noise import sample_volume
from ssc_ros.simulation.primitives import Kind, Material
from ssc_ros.simulation.rays import FAR, NO_NORMAL, Ray, Vector, dot, point_at

BOX, ELLIPSOID, CAPSULE = int(Kind.BOX), int(Kind.ELLIPSOID), int(Kind.CAPSULE)
WHEEL, PANEL, LEAVES = int(Kind.WHEEL), int(Kind.PANEL), int(Kind.LEAVES)
SLATS, GRID, SIGN = int(Material.SLATS), int(Material.GRID), int(Material.SIGN)
ROUND, POINT_UP, POINT_DOWN = 0.5, 1.5, 2.5
"""Upper bounds of a sign's parameter for discs and for triangles; a sign with a larger one is a rectangle."""


class Inset(NamedTuple):
    """How much shorter a box is at its top than at its floor [m]."""

    front: float
    rear: float
    sides: float


class Foliage(NamedTuple):
    """A body of leaves.

    Attributes:
        is_hedge: a box, otherwise an ellipsoid.
        half: half sizes [m].
        density: 0..1; of ellipsoids.
        seed: of the noise.
    """

    is_hedge: bool
    half: Vector
    density: float
    seed: float


@kernel
def box(ray: Ray, half: Vector, inset: Inset) -> tuple[float, float, Vector]:
    """Return entry, exit and entry normal of a box with an inset top: six half spaces n.p <= h."""
    near, far, normal = -FAR, FAR, NO_NORMAL
    height = 2 * half.z
    kf, kr, ks = inset.front / height, inset.rear / height, inset.sides / height
    for plane in range(6):
        if plane == 0:
            n, h = Vector(1.0, 0.0, kf), half.x - kf * half.z
        elif plane == 1:
            n, h = Vector(-1.0, 0.0, kr), half.x - kr * half.z
        elif plane == 2:
            n, h = Vector(0.0, 1.0, ks), half.y - ks * half.z
        elif plane == 3:
            n, h = Vector(0.0, -1.0, ks), half.y - ks * half.z
        elif plane == 4:
            n, h = Vector(0.0, 0.0, 1.0), half.z
        else:
            n, h = Vector(0.0, 0.0, -1.0), half.z
        gap, rate = h - dot(n, ray.origin), dot(n, ray.direction)
        if rate > 1e-12:
            far = min(far, gap / rate)
        elif rate < -1e-12:
            t = gap / rate
            if t > near:
                near, normal = t, n
        elif gap < 0.0:
            return FAR, FAR, NO_NORMAL
        if near > far:
            return FAR, FAR, NO_NORMAL
    norm = np.sqrt(dot(normal, normal)) + 1e-12
    return near, far, Vector(normal.x / norm, normal.y / norm, normal.z / norm)


@kernel
def ellipsoid(ray: Ray, half: Vector) -> tuple[float, float]:
    """Return entry and exit of an ellipsoid of half axes [m]."""
    o, d = ray.origin, ray.direction
    p = Vector(o.x / half.x, o.y / half.y, o.z / half.z)
    v = Vector(d.x / half.x, d.y / half.y, d.z / half.z)
    a, b, c = dot(v, v), dot(p, v), dot(p, p) - 1.0
    disc = b * b - a * c
    if disc <= 0.0:
        return FAR, FAR
    root = np.sqrt(disc)
    return (-b - root) / a, (-b + root) / a


@kernel
def capsule(ray: Ray, axis: Vector, radius: float) -> tuple[float, Vector]:
    """Return distance and normal of a rod with round ends, from the frame's origin along `axis` [m]."""
    o, d = ray.origin, ray.direction
    # the infinite cylinder, scaled by the squared length of the axis: a t^2 + 2 b t + c = 0
    length2, along, start = dot(axis, axis), dot(axis, d), dot(axis, o)
    a = length2 - along * along
    b = length2 * dot(d, o) - start * along
    c = length2 * dot(o, o) - start * start - radius * radius * length2
    disc = b * b - a * c
    t, y = FAR, (-1.0 if along > 0.0 else length2 + 1.0)  # a ray along the rod meets its nearer end
    if a > 1e-12 * length2:
        if disc < 0.0:
            return FAR, NO_NORMAL
        t = (-b - np.sqrt(disc)) / a
        y = start + t * along
    # beyond its ends: the sphere around the end
    if y <= 0.0 or y >= length2:
        s = 0.0 if y <= 0.0 else 1.0
        e = Vector(o.x - s * axis.x, o.y - s * axis.y, o.z - s * axis.z)
        b = dot(d, e)
        c = dot(e, e) - radius * radius
        disc = b * b - c
        if disc < 0.0:
            return FAR, NO_NORMAL
        t = -b - np.sqrt(disc)
        y = s * length2
    # the normal points away from the nearest point of the axis
    k = y / length2
    return t, Vector(
        (o.x + t * d.x - k * axis.x) / radius,
        (o.y + t * d.y - k * axis.y) / radius,
        (o.z + t * d.z - k * axis.z) / radius,
    )


@kernel
def wheel(ray: Ray, radius: float, half: float, hole: float) -> tuple[float, Vector]:
    """Return distance and normal of a cylinder about y of a radius and a half width.

    Within the radius `hole` the discs are open, and only spokes stop a ray.
    """
    o, d = ray.origin, ray.direction
    best, normal = FAR, NO_NORMAL
    # the curved surface
    a = d.x * d.x + d.z * d.z
    if a > 1e-12:
        b = o.x * d.x + o.z * d.z
        disc = b * b - a * (o.x * o.x + o.z * o.z - radius * radius)
        if disc < 0.0:
            return FAR, NO_NORMAL
        t = (-b - np.sqrt(disc)) / a
        if t > 0.0 and abs(o.y + t * d.y) <= half:
            best, normal = t, Vector((o.x + t * d.x) / radius, 0.0, (o.z + t * d.z) / radius)
    # both discs
    if abs(d.y) > 1e-9:
        for k in range(2):
            face = half if k == 0 else -half
            t = (face - o.y) / d.y
            if t <= 0.0 or t >= best:
                continue
            x, z = o.x + t * d.x, o.z + t * d.z
            rr = x * x + z * z
            if rr > radius * radius:
                continue
            if rr < hole * hole:
                spoke = np.arctan2(z, x) * 1.9098593  # 12 spokes
                if abs(spoke - np.floor(spoke + 0.5)) > 0.12:
                    continue
            best, normal = t, Vector(0.0, 1.0 if d.y < 0 else -1.0, 0.0)
    return best, normal


@kernel
def panel_solid(material: int, param: float, x: float, z: float, a: float, c: float) -> bool:
    """Return whether a panel of half length a and half height c [m] is there at (x, z).

    Fences have gaps, signs have shapes.
    """
    if material == SLATS:
        if abs(z + c * 0.5) < 0.05 or abs(z - c * 0.6) < 0.05:
            return True
        return (x / param - np.floor(x / param)) < 0.62
    if material == GRID:
        u, v = x / param, z / (param * 2.0)
        return (u - np.floor(u)) < 0.22 or (v - np.floor(v)) < 0.12 or z > c - 0.05
    if material == SIGN:
        if param < ROUND:
            return x * x + z * z < a * a
        if param < POINT_UP:
            return abs(x) < a * (c - z) / (2.0 * c)
        if param < POINT_DOWN:
            return abs(x) < a * (c + z) / (2.0 * c)
    return True


@kernel
def panel(ray: Ray, a: float, c: float, material: int, param: float) -> tuple[float, Vector]:
    """Return distance and normal of the rectangle y = 0 of half length a and half height c [m].

    A ray passes through the gaps that its material has.
    """
    o, d = ray.origin, ray.direction
    if abs(d.y) < 1e-9:
        return FAR, NO_NORMAL
    t = -o.y / d.y
    if t <= 0.0:
        return FAR, NO_NORMAL
    x, z = o.x + t * d.x, o.z + t * d.z
    if abs(x) > a or abs(z) > c or not panel_solid(material, param, x, z, a, c):
        return FAR, NO_NORMAL
    return t, Vector(0.0, 1.0 if d.y < 0 else -1.0, 0.0)


@kernel
def _leaf_field(volume: NDArray[np.float32], leaves: Foliage, p: Vector, shift: float) -> float:
    """Return a number that is positive inside foliage.

    The noise must exceed a threshold that rises towards the outline.
    """
    noise = sample_volume(volume, p.x * 7.0 + shift, p.y * 7.0 + shift * 1.7, p.z * 7.0 + shift * 0.6)
    half = leaves.half
    if leaves.is_hedge:
        # metres to the nearest face; the floor is no face
        edge = min(half.x - abs(p.x), half.y - abs(p.y), half.z - p.z)
        return edge * 4.0 - noise * 0.9 + 0.12
    q = (p.x / half.x) ** 2 + (p.y / half.y) ** 2 + (p.z / half.z) ** 2
    return leaves.density + 0.25 - noise - 0.85 * q * q


@kernel
def foliage(volume: NDArray[np.float32], leaves: Foliage, ray: Ray, near: float, far: float, step: float) -> float:
    """Return the first crossing of the leaf surface between two distances, by marching and one secant.

    Args:
        volume: (S, S, S) noise, see `noise.foliage_volume`.
        leaves: the body.
        ray: in its frame.
        near, far: distances to search between [m].
        step: of the march [m].
    """
    shift = (leaves.seed % 997.0) * 0.731
    t = near
    before = -1.0
    while True:
        value = _leaf_field(volume, leaves, point_at(ray, t), shift)
        if value > 0.0:
            if before < 0.0 and t > near:
                t -= step * value / (value - before)
            return t
        if t >= far:
            return FAR
        before = value
        t = min(t + step, far)
