"""Exact ray intersections with every kind of primitive; all functions are compiled by numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.noise import sample_volume
from ssc_ros.simulation.primitives import Kind, Material

BOX, ELLIPSOID, CAPSULE = int(Kind.BOX), int(Kind.ELLIPSOID), int(Kind.CAPSULE)
WHEEL, PANEL, LEAVES = int(Kind.WHEEL), int(Kind.PANEL), int(Kind.LEAVES)
SLATS, GRID, SIGN = int(Material.SLATS), int(Material.GRID), int(Material.SIGN)
FAR = 1e9
Hit = tuple[float, float, float, float]
"""Distance (FAR: none) and outward normal in the primitive's frame."""


@kernel
def box(ox, oy, oz, dx, dy, dz, a, b, c, front, rear, side):
    """Box of half sizes (a, b, c) with inset top: a convex body of six half spaces n.p <= h."""
    near, far = -FAR, FAR
    nx = ny = nz = 0.0
    kf, kr, ks = front / (2 * c), rear / (2 * c), side / (2 * c)
    for plane in range(6):
        if plane == 0:
            px, py, pz, h = 1.0, 0.0, kf, a - kf * c
        elif plane == 1:
            px, py, pz, h = -1.0, 0.0, kr, a - kr * c
        elif plane == 2:
            px, py, pz, h = 0.0, 1.0, ks, b - ks * c
        elif plane == 3:
            px, py, pz, h = 0.0, -1.0, ks, b - ks * c
        elif plane == 4:
            px, py, pz, h = 0.0, 0.0, 1.0, c
        else:
            px, py, pz, h = 0.0, 0.0, -1.0, c
        gap = h - (px * ox + py * oy + pz * oz)
        rate = px * dx + py * dy + pz * dz
        if rate > 1e-12:
            far = min(far, gap / rate)
        elif rate < -1e-12:
            t = gap / rate
            if t > near:
                near, nx, ny, nz = t, px, py, pz
        elif gap < 0.0:
            return FAR, FAR, 0.0, 0.0, 0.0
        if near > far:
            return FAR, FAR, 0.0, 0.0, 0.0
    norm = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
    return near, far, nx / norm, ny / norm, nz / norm


@kernel
def ellipsoid(ox, oy, oz, dx, dy, dz, a, b, c):
    """Entry and exit distance of an ellipsoid; (FAR, FAR) if it is missed."""
    x, y, z = ox / a, oy / b, oz / c
    u, v, w = dx / a, dy / b, dz / c
    qa = u * u + v * v + w * w
    qb = x * u + y * v + z * w
    qc = x * x + y * y + z * z - 1.0
    disc = qb * qb - qa * qc
    if disc <= 0.0:
        return FAR, FAR
    root = np.sqrt(disc)
    return (-qb - root) / qa, (-qb + root) / qa


@kernel
def capsule(ox, oy, oz, dx, dy, dz, vx, vy, vz, r):
    """Rod from the origin along v with round ends; distance and normal."""
    baba = vx * vx + vy * vy + vz * vz
    bard = vx * dx + vy * dy + vz * dz
    baoa = vx * ox + vy * oy + vz * oz
    rdoa = dx * ox + dy * oy + dz * oz
    oaoa = ox * ox + oy * oy + oz * oz
    a = baba - bard * bard
    b = baba * rdoa - baoa * bard
    c = baba * oaoa - baoa * baoa - r * r * baba
    disc = b * b - a * c
    t, y = FAR, (-1.0 if bard > 0.0 else baba + 1.0)  # along the rod: its nearer end
    if a > 1e-12 * baba:
        if disc < 0.0:
            return FAR, 0.0, 0.0, 0.0
        t = (-b - np.sqrt(disc)) / a
        y = baoa + t * bard
    if y <= 0.0 or y >= baba:  # a round end
        s = 0.0 if y <= 0.0 else 1.0
        ex, ey, ez = ox - s * vx, oy - s * vy, oz - s * vz
        b = dx * ex + dy * ey + dz * ez
        c = ex * ex + ey * ey + ez * ez - r * r
        disc = b * b - c
        if disc < 0.0:
            return FAR, 0.0, 0.0, 0.0
        t = -b - np.sqrt(disc)
        y = s * baba
    k = y / baba
    return t, (ox + t * dx - k * vx) / r, (oy + t * dy - k * vy) / r, (oz + t * dz - k * vz) / r


@kernel
def wheel(ox, oy, oz, dx, dy, dz, radius, half, hole):
    """Cylinder about y of a radius and half width; the discs are open within `hole`, where only spokes stop a ray."""
    best, nx, ny, nz = FAR, 0.0, 0.0, 0.0
    a = dx * dx + dz * dz
    if a > 1e-12:
        b = ox * dx + oz * dz
        disc = b * b - a * (ox * ox + oz * oz - radius * radius)
        if disc < 0.0:
            return FAR, 0.0, 0.0, 0.0
        t = (-b - np.sqrt(disc)) / a
        if t > 0.0 and abs(oy + t * dy) <= half:
            best, nx, ny, nz = t, (ox + t * dx) / radius, 0.0, (oz + t * dz) / radius
    if abs(dy) > 1e-9:
        for k in range(2):
            face = half if k == 0 else -half
            t = (face - oy) / dy
            if t <= 0.0 or t >= best:
                continue
            x, z = ox + t * dx, oz + t * dz
            rr = x * x + z * z
            if rr > radius * radius:
                continue
            if rr < hole * hole:
                spoke = np.arctan2(z, x) * 1.9098593  # 12 spokes
                if abs(spoke - np.floor(spoke + 0.5)) > 0.12:
                    continue
            best, nx, ny, nz = t, 0.0, (1.0 if dy < 0 else -1.0), 0.0
    return best, nx, ny, nz


@kernel
def panel_solid(material, param, x, z, a, c):
    """Whether a panel is there at (x, z): fences have gaps, signs have shapes."""
    if material == SLATS:
        if abs(z + c * 0.5) < 0.05 or abs(z - c * 0.6) < 0.05:
            return True
        return (x / param - np.floor(x / param)) < 0.62
    if material == GRID:
        u, v = x / param, z / (param * 2.0)
        return (u - np.floor(u)) < 0.22 or (v - np.floor(v)) < 0.12 or z > c - 0.05
    if material == SIGN:
        if param < 0.5:  # round
            return x * x + z * z < a * a
        if param < 1.5:  # triangle, point up
            return abs(x) < a * (c - z) / (2.0 * c)
        if param < 2.5:  # triangle, point down
            return abs(x) < a * (c + z) / (2.0 * c)
    return True


@kernel
def panel(ox, oy, oz, dx, dy, dz, a, c, material, param):
    """Vertical rectangle y = 0 of half length a and half height c with the gaps of its material."""
    if abs(dy) < 1e-9:
        return FAR, 0.0
    t = -oy / dy
    if t <= 0.0:
        return FAR, 0.0
    x, z = ox + t * dx, oz + t * dz
    if abs(x) > a or abs(z) > c or not panel_solid(material, param, x, z, a, c):
        return FAR, 0.0
    return t, (1.0 if dy < 0 else -1.0)


@kernel
def _leaf_field(volume: NDArray[np.float32], is_hedge, x, y, z, a, b, c, density, shift):
    """Positive inside foliage: noise that must exceed a threshold which rises towards the outline."""
    noise = sample_volume(volume, x * 7.0 + shift, y * 7.0 + shift * 1.7, z * 7.0 + shift * 0.6)
    if is_hedge:
        edge = min(a - abs(x), b - abs(y), c - z)  # metres to the nearest face; the floor is no face
        return edge * 4.0 - noise * 0.9 + 0.12
    q = (x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2
    return density + 0.25 - noise - 0.85 * q * q


@kernel
def foliage(volume, is_hedge, near, far, ox, oy, oz, dx, dy, dz, a, b, c, density, seed, step):
    """First crossing of the leaf surface between `near` and `far`, by marching and one secant; FAR if there is none."""
    shift = (seed % 997.0) * 0.731
    t = near
    before = -1.0
    while True:
        value = _leaf_field(volume, is_hedge, ox + t * dx, oy + t * dy, oz + t * dz, a, b, c, density, shift)
        if value > 0.0:
            if before < 0.0 and t > near:
                t -= step * value / (value - before)
            return t
        if t >= far:
            return FAR
        before = value
        t = min(t + step, far)
