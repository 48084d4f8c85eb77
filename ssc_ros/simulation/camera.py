"""The cameras: one ray through the centre of each pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.calibration import PinholeCamera
from ssc_ros.simulation.raycast import trace
from ssc_ros.simulation.rays import NOTHING, Ray, Vector, position_of, rotated
from ssc_ros.simulation.scene import Scene
from ssc_ros.simulation.shading import shade, sky_color
from ssc_ros.simulation.terrain import Terrain
from ssc_ros.simulation.weather import Light

VIEW_DISTANCE = 230.0
"""How far the cameras see [m]."""


def photograph(
    scene: Scene, terrain: Terrain, light: Light, camera: PinholeCamera, T_world_grid: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Return what a camera sees: linear radiance (H, W, 3), and raw labels (H, W), 0 for the sky."""
    radiance, labels = np.zeros((*camera.image_size, 3), np.float32), np.zeros(camera.image_size, np.uint32)
    _render(scene, terrain, light, T_world_grid @ camera.T_grid_camera, camera.k, radiance, labels)
    return radiance, labels


@kernel
def _ray_through(pose: NDArray[np.float64], cx: float, cy: float) -> Ray:
    """Return the ray of a camera at a pose T_world_camera (4, 4) through (cx, cy, 1) of its optical frame."""
    norm = np.sqrt(cx * cx + cy * cy + 1)
    v = rotated(pose, Vector(cx, cy, 1.0))
    return Ray(position_of(pose), Vector(v.x / norm, v.y / norm, v.z / norm))


@kernel
def _render(
    scene: Scene, terrain: Terrain, light: Light, T_world_camera: NDArray[np.float64], k: NDArray[np.float64],
    radiance: NDArray[np.float32], labels: NDArray[np.uint32],
) -> None:  # fmt: skip
    """Fill radiance (H, W, 3) and labels (H, W) for a pose (4, 4) and a camera matrix (3, 3) [px]."""
    pixel = 1 / k[0, 0]
    for v in range(radiance.shape[0]):
        cy = (v - k[1, 2]) / k[1, 1]
        for u in range(radiance.shape[1]):
            ray = _ray_through(T_world_camera, (u - k[0, 2]) / k[0, 0], cy)
            hit = trace(scene, ray, VIEW_DISTANCE, False)
            if hit.solid == NOTHING:
                color, label = sky_color(light, ray.direction), 0
            else:
                color, label = shade(scene, terrain, light, ray, hit, pixel)
            labels[v, u] = label
            radiance[v, u, 0], radiance[v, u, 1], radiance[v, u, 2] = color.r, color.g, color.b
