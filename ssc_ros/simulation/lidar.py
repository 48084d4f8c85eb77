"""The LiDAR: ranges of its beams, with noise, lost returns and intensity."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.beams import LidarModel
from ssc_ros.simulation.ground import ground_surface
from ssc_ros.simulation.intersect import CAPSULE
from ssc_ros.simulation.materials import LEAF, reflectance, surface
from ssc_ros.simulation.raycast import into_frame, trace
from ssc_ros.simulation.rays import GROUND, NOTHING, Hit, Ray, Vector, dot, point_at, position_of, rotated, vector
from ssc_ros.simulation.scene import Scene
from ssc_ros.simulation.shading import local_point
from ssc_ros.simulation.terrain import Terrain

LEAF_GAP, LEAF_CHANCE, LEAF_LAYERS = 0.3, 0.6, 8
"""A beam passes this far [m] through foliage with this chance, again and again, at most so many times."""
GROUND_SPOT, SOLID_SPOT = 0.05, 0.03
"""Size of a beam's spot, over which textures are averaged [m]."""


class Echo(NamedTuple):
    """What one beam brings back.

    Attributes:
        distance: range, 0 for nothing [m].
        label: raw label.
        strength: reflectance 0..1; it falls where the surface is oblique.
    """

    distance: float
    label: int
    strength: float


@kernel
def _through_leaves(scene: Scene, solids: NDArray[np.void], ray: Ray, reach: float, depth: int) -> Hit:
    """Return what a beam meets within `reach` [m] that passes through gaps of the first `depth` layers of leaves."""
    start, layer = 0.0, 0
    while True:
        hit = trace(scene, Ray(point_at(ray, start), ray.direction), reach - start, False)
        if layer == depth or hit.solid < 0 or solids[hit.solid]["material"] != LEAF:
            return Hit(hit.distance + start, hit.solid, hit.normal)
        start += hit.distance + LEAF_GAP
        layer += 1


@kernel
def _ground_echo(terrain: Terrain, ray: Ray, distance: float) -> Echo:
    """Return the echo of the ground."""
    p = point_at(ray, distance)
    color, label = ground_surface(terrain, p.x, p.y, GROUND_SPOT)
    facing = max(-ray.direction.z, 0.0)
    strength = (0.1 + 0.9 * (color.r + color.g + color.b) / 3) * (0.4 + 0.6 * facing)
    return Echo(distance, label, strength)


@kernel
def _solid_echo(solid: np.void, ray: Ray, distance: float, normal: Vector) -> Echo:
    """Return the echo of a solid that is met at a normal in its frame."""
    material = solid["material"]
    albedo, glass = surface(solid, local_point(solid, point_at(ray, distance)), normal, SOLID_SPOT)
    direction = ray.direction if solid["kind"] == CAPSULE else into_frame(solid, ray.direction)
    facing = 0.8 if material == LEAF else abs(dot(direction, normal))
    return Echo(distance, solid["label"], reflectance(material, albedo, glass) * (0.3 + 0.7 * facing))


@kernel
def _cast(
    scene: Scene, terrain: Terrain, pose: NDArray[np.float64], beams: NDArray[np.float64], depths: NDArray[np.int64],
    reach: float, echoes: NDArray[np.float64], labels: NDArray[np.uint32],
) -> None:  # fmt: skip
    """Fill range (0: nothing) and strength of each beam, (2, N), and raw labels (N,).

    Args:
        scene, terrain: the world.
        pose: (4, 4) T_world_lidar.
        beams: (N, 3) directions in the LiDAR frame.
        depths: (N,) layers of leaves that a beam passes through.
        reach: largest range [m].
        echoes, labels: filled.
    """
    origin, solids = position_of(pose), scene.solids
    for k in range(len(beams)):
        ray = Ray(origin, rotated(pose, vector(beams[k])))
        hit = _through_leaves(scene, solids, ray, reach, depths[k])
        if hit.solid == NOTHING:
            continue
        if hit.solid == GROUND:
            echo = _ground_echo(terrain, ray, hit.distance)
        else:
            echo = _solid_echo(solids[hit.solid], ray, hit.distance, hit.normal)
        echoes[0, k], echoes[1, k], labels[k] = echo.distance, echo.strength, echo.label


def sweep(
    scene: Scene, terrain: Terrain, lidar: LidarModel, T_world_lidar: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Simulate one revolution.

    Returns:
        points (N, 4) float32, x, y, z [m] in the LiDAR frame and intensity 0..1, and raw labels (N,) uint32.
    """
    beams = lidar.directions
    n = len(beams)
    echoes, labels = np.zeros((2, n)), np.zeros(n, np.uint32)
    depths = np.minimum(rng.geometric(1 - LEAF_CHANCE, n) - 1, LEAF_LAYERS)
    _cast(scene, terrain, T_world_lidar, beams, depths, lidar.max_range, echoes, labels)
    ranges, strengths = echoes
    luck = rng.random(n)
    # dark, oblique and far surfaces return too little light
    chance = 0.97 * np.clip(1.25 - 0.012 * ranges / np.maximum(strengths, 0.05) ** 0.5 * 0.25, 0.0, 1.0)
    chance[strengths < 0.03] = 0.25
    noisy = ranges + rng.normal(0.0, lidar.range_noise, n)
    kept = (ranges > lidar.min_range) & (luck < chance) & (noisy < lidar.max_range)
    intensity = np.clip(strengths + rng.normal(0.0, 0.03, n), 0.0, 0.99)
    points = np.empty((int(kept.sum()), 4), np.float32)
    points[:, :3] = beams[kept] * noisy[kept, None]
    points[:, 3] = intensity[kept]
    return points, labels[kept]
