"""The stereo camera: shading of what each pixel sees, and the camera's own exposure and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.ground import Terrain, ground_color, ground_label
from ssc_ros.simulation.materials import LEAF, surface
from ssc_ros.simulation.noise import value2
from ssc_ros.simulation.raycast import GROUND, NOTHING, Scene, ground_height, trace

VIEW_DISTANCE = 230.0
SHADOW_DISTANCE = 45.0


class Light(NamedTuple):
    """Light of a journey.

    Attributes:
        direction: (3,) unit vector to the sun.
        sun, sky, haze: (3,) linear colours.
        density: haze per metre.
        cover: clouds, 0..1.
        seed: of clouds and horizon.
    """

    direction: NDArray[np.float64]
    sun: NDArray[np.float64]
    sky: NDArray[np.float64]
    haze: NDArray[np.float64]
    density: float
    cover: float
    seed: int


@dataclass(frozen=True)
class Film:
    """How a camera turns light into bytes.

    Attributes:
        gain: exposure.
        gamma: exponent of the tone curve.
        noise: standard deviation of sensor noise, of 255.
        blur: standard deviation of the lens [px].
        vignette: loss of light in the corners, 0..1.
        tint: (3,) white balance.
    """

    gain: float
    gamma: float
    noise: float
    blur: float
    vignette: float
    tint: NDArray[np.float64]

    def develop(self, radiance: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Linear (H, W, 3) radiance to (H, W, 3) uint8."""
        height, width = radiance.shape[:2]
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        falloff = 1 - self.vignette * (x * x + 0.5 * y * y) / 1.5
        image = cv2.GaussianBlur(radiance, (3, 3), self.blur) * (self.gain * falloff)[..., None]
        image *= self.tint.astype(np.float32)
        image = 255 * np.clip(image, 0, 1) ** np.float32(self.gamma)
        image += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(self.noise)
        return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def draw_weather(rng: np.random.Generator) -> tuple[Light, Film]:
    """A day: sunny, veiled or overcast, clear or hazy, and the camera's setting for it."""
    overcast = rng.random() < 0.3
    elevation, azimuth = np.radians(rng.uniform(16, 62)), rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    strength = 0.0 if overcast else rng.uniform(1.1, 2.6)
    warm = 0.25 * (1 - np.sin(elevation))
    sun = strength * np.array([1.0, 0.96 - 0.3 * warm, 0.9 - 0.8 * warm])
    sky = (rng.uniform(0.85, 1.15) if overcast else rng.uniform(0.3, 0.6)) * np.array([0.90, 1.0, 1.12])
    haze = np.array([0.95, 1.0, 1.05]) * rng.uniform(0.8, 1.3)
    density = 1 / rng.choice([rng.uniform(250, 700), rng.uniform(900, 4000)])
    cover = 1.0 if overcast else rng.uniform(0.0, 0.7)
    light = Light(direction, sun, sky, haze, density, cover, int(rng.integers(1 << 30)))
    gain = rng.uniform(0.75, 1.25) / (0.75 * strength * np.sin(elevation) + 0.95 * sky[1])
    film = Film(
        float(gain * 1.2), rng.uniform(0.48, 0.66), rng.uniform(1.0, 3.0), rng.uniform(0.35, 0.6),
        rng.uniform(0.0, 0.25), 1 + rng.normal(0, 0.03, 3),
    )  # fmt: skip
    return light, film


@kernel
def _sky(light, dx, dy, dz):
    """Sky with clouds above a hazy silhouette of hills and trees."""
    azimuth = np.arctan2(dy, dx)
    ridge = 0.004 + 0.05 * value2(azimuth * 9.0, 0.5, light.seed) * value2(azimuth * 2.0, 7.5, light.seed)
    ridge += 0.008 * value2(azimuth * 60.0, 3.5, light.seed)
    if dz < ridge:
        k = 0.45 if dz > 0 else 0.7
        return (0.08 + k * light.haze[0] * 0.5, 0.10 + k * light.haze[1] * 0.5, 0.09 + k * light.haze[2] * 0.5)
    up = min(max(dz, 0.0) * 2.2, 1.0)
    r = light.haze[0] * (1 - up) + 0.35 * up
    g = light.haze[1] * (1 - up) + 0.62 * up
    b = light.haze[2] * (1 - up) + 1.15 * up
    px, py = dx / (dz + 0.12), dy / (dz + 0.12)
    cloud = 0.6 * value2(px * 0.9, py * 0.9, light.seed + 1) + 0.3 * value2(px * 2.3, py * 2.3, light.seed + 2)
    cloud += 0.15 * value2(px * 6.0, py * 6.0, light.seed + 3)
    cover = min(max((cloud - 0.95 + 0.9 * light.cover) * 3.0, 0.0), 1.0)
    white = 1.25 - 0.35 * light.cover
    return r + (white - r) * cover, g + (white - g) * cover, b + (white - b) * cover


@kernel
def _ground_normal(scene, x, y):
    e = scene.ground_step
    gx = (ground_height(scene, x + e, y) - ground_height(scene, x - e, y)) / (2 * e)
    gy = (ground_height(scene, x, y + e) - ground_height(scene, x, y - e)) / (2 * e)
    norm = np.sqrt(1 + gx * gx + gy * gy)
    return -gx / norm, -gy / norm, 1 / norm


@kernel
def local_hit(f, x, y, z, is_capsule):
    """A world point in a primitive's frame; along the rod for capsules."""
    ex, ey, ez = x - f[0], y - f[1], z - f[2]
    if is_capsule:
        return ex, ey, ez
    return f[3] * ex + f[4] * ey, -f[4] * ex + f[3] * ey, ez


@kernel
def _shade(scene, terrain, light, what, x, y, z, lnx, lny, lnz, t, dx, dy, dz, pixel):
    """Radiance and raw label of a hit."""
    if what == GROUND:
        nx, ny, nz = _ground_normal(scene, x, y)
        grazing = max(-(nx * dx + ny * dy + nz * dz), 0.03)
        r, g, b = ground_color(terrain, x, y, t * pixel / np.sqrt(grazing))
        label, glass, leafy = ground_label(terrain, x, y), 0.0, False
    else:
        f, material = scene.floats[what], scene.ints[what, 1]
        capsule = scene.ints[what, 0] == 2
        lx, ly, lz = local_hit(f, x, y, z, capsule)
        r, g, b, glass = surface(f, material, lx, ly, lz, lnx, lny, lnz, t * pixel * 1.4)
        nx, ny, nz = lnx, lny, lnz
        if not capsule:
            nx, ny = f[3] * lnx - f[4] * lny, f[4] * lnx + f[3] * lny
        label, leafy = scene.ints[what, 2], material == LEAF
        if leafy:  # leaves deep inside are in the shade of the others
            q = min((lx / f[5]) ** 2 + (ly / f[6]) ** 2 + (lz / f[7]) ** 2, 1.0) if scene.ints[what, 0] == 5 else 0.85
            k = 0.35 + 0.65 * q
            r, g, b = r * k, g * k, b * k
    facing = nx * light.direction[0] + ny * light.direction[1] + nz * light.direction[2]
    if leafy:
        facing = 0.35 + 0.5 * facing
    direct = 0.0
    if facing > 0.0 and light.sun[0] > 0.0:
        lift = 0.45 if leafy else 0.03
        ox, oy, oz = x + lift * light.direction[0], y + lift * light.direction[1], z + lift * light.direction[2]
        if not leafy:
            ox, oy, oz = ox + 0.02 * nx, oy + 0.02 * ny, oz + 0.02 * nz
        _, blocker, _, _, _ = trace(
            scene, ox, oy, oz, light.direction[0], light.direction[1], light.direction[2], SHADOW_DISTANCE, True
        )
        if blocker == NOTHING:
            direct = facing
    ambient = 0.55 + 0.45 * nz
    r *= light.sun[0] * direct + light.sky[0] * ambient
    g *= light.sun[1] * direct + light.sky[1] * ambient
    b *= light.sun[2] * direct + light.sky[2] * ambient
    if glass > 0.0:  # a faint, smooth reflection of the sky
        up = dz - 2 * (nx * dx + ny * dy + nz * dz) * nz
        k = 0.25 * glass * min(max(up + 0.3, 0.05), 1.0)
        r, g, b = r + k * light.sky[0], g + k * light.sky[1], b + k * light.sky[2]
    veil = 1 - np.exp(-t * light.density)
    r += (light.haze[0] - r) * veil
    g += (light.haze[1] - g) * veil
    b += (light.haze[2] - b) * veil
    return r, g, b, label


@kernel
def render(
    scene: Scene, terrain: Terrain, light: Light, T_world_camera: NDArray[np.float64], k: NDArray[np.float64],
    radiance: NDArray[np.float32], labels: NDArray[np.uint32],
) -> None:  # fmt: skip
    """Cast one ray through each pixel centre.

    Args:
        scene, terrain, light: the world.
        T_world_camera: (4, 4), optical frame -> world.
        k: (3, 3) camera matrix [px].
        radiance: (H, W, 3) filled with linear light.
        labels: (H, W) filled with raw labels, 0 for the sky.
    """
    ox, oy, oz = T_world_camera[0, 3], T_world_camera[1, 3], T_world_camera[2, 3]
    pixel = 1 / k[0, 0]
    m = T_world_camera
    for v in range(radiance.shape[0]):
        cy = (v - k[1, 2]) / k[1, 1]
        for u in range(radiance.shape[1]):
            cx = (u - k[0, 2]) / k[0, 0]
            norm = np.sqrt(cx * cx + cy * cy + 1)
            dx = (m[0, 0] * cx + m[0, 1] * cy + m[0, 2]) / norm
            dy = (m[1, 0] * cx + m[1, 1] * cy + m[1, 2]) / norm
            dz = (m[2, 0] * cx + m[2, 1] * cy + m[2, 2]) / norm
            t, what, nx, ny, nz = trace(scene, ox, oy, oz, dx, dy, dz, VIEW_DISTANCE, False)
            if what == NOTHING:
                r, g, b = _sky(light, dx, dy, dz)
                labels[v, u] = 0
            else:
                r, g, b, label = _shade(
                    scene, terrain, light, what, ox + t * dx, oy + t * dy, oz + t * dz, nx, ny, nz, t, dx, dy, dz, pixel
                )
                labels[v, u] = label
            radiance[v, u, 0], radiance[v, u, 1], radiance[v, u, 2] = r, g, b
