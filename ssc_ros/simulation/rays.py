"""Points, rays and hits with names: NamedTuples, which compiled code takes apart at no cost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel

FAR = 1e9
"""Distance of a ray that meets nothing [m]."""
GROUND = -1
"""In place of a solid: the ray meets the ground."""
NOTHING = -2
"""In place of a solid: the ray meets nothing."""


class Vector(NamedTuple):
    """A point or a direction in three dimensions [m]."""

    x: float
    y: float
    z: float


class Ray(NamedTuple):
    """A half line.

    Attributes:
        origin: where the ray starts [m].
        direction: unit vector.
    """

    origin: Vector
    direction: Vector


class Hit(NamedTuple):
    """What a ray meets first.

    Attributes:
        distance: along the ray [m].
        solid: row of the scene's solids, or GROUND or NOTHING.
        normal: outward unit vector in the solid's frame; zero for the ground.
    """

    distance: float
    solid: int
    normal: Vector


NO_NORMAL = Vector(0.0, 0.0, 0.0)


@kernel
def vector(row: NDArray[np.float64]) -> Vector:
    """Return the three numbers of an array (3,) as a vector."""
    return Vector(row[0], row[1], row[2])


@kernel
def dot(a: Vector, b: Vector) -> float:
    """Return the scalar product."""
    return a.x * b.x + a.y * b.y + a.z * b.z


@kernel
def point_at(ray: Ray, distance: float) -> Vector:
    """Return the point at a distance [m] along a ray."""
    o, d = ray.origin, ray.direction
    return Vector(o.x + distance * d.x, o.y + distance * d.y, o.z + distance * d.z)


@kernel
def rotated(pose: NDArray[np.float64], v: Vector) -> Vector:
    """Return a direction turned by the rotation of a pose (4, 4)."""
    return Vector(
        pose[0, 0] * v.x + pose[0, 1] * v.y + pose[0, 2] * v.z,
        pose[1, 0] * v.x + pose[1, 1] * v.y + pose[1, 2] * v.z,
        pose[2, 0] * v.x + pose[2, 1] * v.y + pose[2, 2] * v.z,
    )


@kernel
def position_of(pose: NDArray[np.float64]) -> Vector:
    """Return the position of a pose (4, 4) [m]."""
    return Vector(pose[0, 3], pose[1, 3], pose[2, 3])
