"""What a ray meets first: intersection with solids and ground, and the traversal of a scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation import intersect
from ssc_ros.simulation.intersect import BOX, CAPSULE, ELLIPSOID, LEAVES, PANEL, WHEEL, Foliage, Inset
from ssc_ros.simulation.rays import FAR, GROUND, NO_NORMAL, NOTHING, Hit, Ray, Vector, dot, vector
from ssc_ros.simulation.scene import CELL, Ground, Scene, bilinear


@kernel
def _clearance(ground: Ground, ray: Ray, t: float, inverse: float) -> float:
    """Return how far above the ground a ray is at distance t [m]; `inverse` is 1 / ground.step."""
    o, d = ray.origin, ray.direction
    u, v = (o.x + t * d.x - ground.origin[0]) * inverse, (o.y + t * d.y - ground.origin[1]) * inverse
    return o.z + t * d.z - bilinear(ground.heights, u, v)


@kernel
def _march_ground(ground: Ground, ray: Ray, t0: float, t1: float) -> float:
    """Return the first crossing of the ground between two distances [m]; FAR if there is none."""
    inverse = 1 / ground.step
    steps = int(np.ceil((t1 - t0) * inverse / 1.2)) + 1
    h = (t1 - t0) / steps
    before = _clearance(ground, ray, t0, inverse)
    if before < 0.0:
        return t0 if before > -0.05 else FAR
    for k in range(1, steps + 1):
        t = t0 + k * h
        after = _clearance(ground, ray, t, inverse)
        if after < 0.0:
            t -= h * after / (after - before)
            # one more secant: the ground is bilinear, so a single chord leaves millimetres
            middle = _clearance(ground, ray, t, inverse)
            slope = (after - before) / h
            return t - middle / slope if abs(middle) < 0.1 else t
        before = after
    return FAR


@kernel
def into_frame(solid: np.void, v: Vector) -> Vector:
    """Return a direction of the world frame in the frame of a solid that is turned by its yaw."""
    yaw = solid["yaw"]
    cos, sin = yaw[0], yaw[1]
    return Vector(cos * v.x + sin * v.y, -sin * v.x + cos * v.y, v.z)


@kernel
def out_of_frame(solid: np.void, v: Vector) -> Vector:
    """Return a direction of the frame of a solid in the world frame; the inverse of `into_frame`."""
    yaw = solid["yaw"]
    cos, sin = yaw[0], yaw[1]
    return Vector(cos * v.x - sin * v.y, sin * v.x + cos * v.y, v.z)


@kernel
def from_position(solid: np.void, p: Vector) -> Vector:
    """Return the way from the position of a solid to a point, in the world frame [m]."""
    at = solid["position"]
    return Vector(p.x - at[0], p.y - at[1], p.z - at[2])


@kernel
def _meet_foliage(
    solid: np.void, volume: NDArray[np.float32], ray: Ray, t0: float, t1: float, coarse: bool
) -> tuple[float, Vector]:
    """Return distance and normal of a body of leaves between two distances; the ray is in the body's frame."""
    half, is_hedge = vector(solid["extent"]), solid["kind"] != LEAVES
    if is_hedge:
        near, far, _ = intersect.box(ray, half, Inset(0.0, 0.0, 0.0))
    else:
        near, far = intersect.ellipsoid(ray, half)
    near, far = max(near, t0), min(far, t1)
    if near >= far:
        return FAR, NO_NORMAL
    leaves = Foliage(is_hedge, half, solid["param"], float(solid["seed"]))
    t = intersect.foliage(volume, leaves, ray, near, far, 0.35 if coarse else 0.14 + 0.003 * near)
    if t >= FAR:
        return FAR, NO_NORMAL
    o, d = ray.origin, ray.direction
    n = Vector((o.x + t * d.x) / half.x, (o.y + t * d.y) / half.y, (o.z + t * d.z) / half.z)
    norm = np.sqrt(dot(n, n)) + 1e-9
    return t, Vector(n.x / norm, n.y / norm, n.z / norm)


@kernel
def _meet_ellipsoid(ray: Ray, half: Vector) -> tuple[float, Vector]:
    """Return distance and normal of an ellipsoid, seen from outside; the ray is in its frame."""
    near, _ = intersect.ellipsoid(ray, half)
    if near <= 0.0 or near >= FAR:
        return FAR, NO_NORMAL
    o, d = ray.origin, ray.direction
    n = Vector(
        (o.x + near * d.x) / (half.x * half.x),
        (o.y + near * d.y) / (half.y * half.y),
        (o.z + near * d.z) / (half.z * half.z),
    )
    norm = np.sqrt(dot(n, n))
    return near, Vector(n.x / norm, n.y / norm, n.z / norm)


@kernel
def _meet(
    solid: np.void, volume: NDArray[np.float32], ray: Ray, t0: float, t1: float, coarse: bool
) -> tuple[float, Vector]:
    """Return distance, and normal in the solid's frame, of a solid; foliage is searched between t0 and t1 [m] only."""
    kind, offset = solid["kind"], from_position(solid, ray.origin)
    half = vector(solid["extent"])
    if kind == CAPSULE:
        return intersect.capsule(Ray(offset, ray.direction), half, solid["radius"])
    local = Ray(into_frame(solid, offset), into_frame(solid, ray.direction))
    if kind == BOX:
        inset = solid["inset"]
        near, _, normal = intersect.box(local, half, Inset(inset[0], inset[1], inset[2]))
        return (near, normal) if near > 0.0 else (FAR, NO_NORMAL)
    if kind == PANEL:
        return intersect.panel(local, half.x, half.z, solid["material"], solid["param"])
    if kind == WHEEL:
        return intersect.wheel(local, solid["radius"], half.y, solid["hole"])
    if kind == ELLIPSOID:
        return _meet_ellipsoid(local, half)
    return _meet_foliage(solid, volume, local, t0, t1, coarse)


@kernel
def trace(scene: Scene, ray: Ray, reach: float, any_hit: bool) -> Hit:
    """Return what a ray meets first within `reach` [m], by walking through the columns that it crosses.

    With `any_hit` the search stops at the first solid found, ignores the ground and samples foliage coarsely, as is
    enough for shadow rays.
    """
    # arrays are taken out of their tuples once, or each step would count their references
    solids, ground, volume = scene.solids, scene.ground, scene.volume
    starts, items, reaches, tops, ground_tops, ceiling = scene.columns
    o, d = ray.origin, ray.direction
    n = tops.shape[0]
    best, solid, normal = reach, NOTHING, NO_NORMAL
    # 1. the column of the origin, and the distances to the next column along x and y (Amanatides and Woo 1987)
    sx, sy = (o.x - ground.origin[0]) / CELL, (o.y - ground.origin[1]) / CELL
    i, j = int(np.floor(sx)), int(np.floor(sy))
    step_i, step_j = (1 if d.x > 0 else -1), (1 if d.y > 0 else -1)
    delta_i = CELL / abs(d.x) if abs(d.x) > 1e-12 else FAR
    delta_j = CELL / abs(d.y) if abs(d.y) > 1e-12 else FAR
    next_i = delta_i * ((i + 1 - sx) if d.x > 0 else (sx - i)) if delta_i < FAR else FAR
    next_j = delta_j * ((j + 1 - sy) if d.y > 0 else (sy - j)) if delta_j < FAR else FAR
    t0, run = 0.0, d.x * d.x + d.y * d.y
    while 0 <= i < n and 0 <= j < n and t0 < best:
        # 2. the ray's lowest and highest point in this column; above everything it can only miss
        t1 = min(next_i, next_j)
        z0, z1 = o.z + t0 * d.z, o.z + min(t1, best) * d.z
        lowest, highest = min(z0, z1), max(z0, z1)
        if d.z > 0.0 and z0 > ceiling:
            break
        # 3. the solids whose cylinders the ray crosses
        if lowest < tops[i, j]:
            cell = i * n + j
            for k in range(starts[cell], starts[cell + 1]):
                around = reaches[k]
                if highest < around["bottom"] or lowest > around["top"]:
                    continue
                side = (around["x"] - o.x) * d.y - (around["y"] - o.y) * d.x
                if side * side > around["squared_radius"] * run:
                    continue
                t, met = _meet(solids[items[k]], volume, ray, t0, min(t1, best), any_hit)
                if 1e-4 < t < best:
                    best, solid, normal = t, items[k], met
                    if any_hit:
                        return Hit(best, solid, normal)
        # 4. the ground before the nearest solid
        if not any_hit and lowest < ground_tops[i, j]:
            t = _march_ground(ground, ray, t0, min(t1, best))
            if t < best:
                return Hit(t, GROUND, NO_NORMAL)
        # 5. on to the next column
        if next_i < next_j:
            i += step_i
            t0, next_i = next_i, next_i + delta_i
        else:
            j += step_j
            t0, next_j = next_j, next_j + delta_j
    return Hit(best, solid, normal)
