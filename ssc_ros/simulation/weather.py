"""The light of a day, and how the camera is set for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.simulation.colors import Rgb
from ssc_ros.simulation.rays import Vector


class Light(NamedTuple):
    """Light of a journey.

    Attributes:
        direction: unit vector to the sun.
        sun, sky, haze: linear colours.
        density: haze per metre.
        cover: clouds, 0..1.
        seed: of clouds and horizon.
    """

    direction: Vector
    sun: Rgb
    sky: Rgb
    haze: Rgb
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
        """Turn linear radiance (H, W, 3) into an RGB image (H, W, 3)."""
        height, width = radiance.shape[:2]
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        falloff = 1 - self.vignette * (x * x + 0.5 * y * y) / 1.5
        image = cv2.GaussianBlur(radiance, (3, 3), self.blur) * (self.gain * falloff)[..., None]
        image *= self.tint.astype(np.float32)
        image = 255 * np.clip(image, 0, 1) ** np.float32(self.gamma)
        image += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(self.noise)
        return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def draw_weather(rng: np.random.Generator) -> tuple[Light, Film]:
    """Draw a day, sunny, veiled or overcast, clear or hazy, and the camera's setting for it."""
    overcast = rng.random() < 0.3
    elevation, azimuth = np.radians(rng.uniform(16, 62)), rng.uniform(0, 2 * np.pi)
    direction = np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)
    strength = 0.0 if overcast else rng.uniform(1.1, 2.6)
    warm = 0.25 * (1 - np.sin(elevation))
    sun = strength * np.array([1.0, 0.96 - 0.3 * warm, 0.9 - 0.8 * warm])
    sky = (rng.uniform(0.85, 1.15) if overcast else rng.uniform(0.3, 0.6)) * np.array([0.90, 1.0, 1.12])
    haze = np.array([0.95, 1.0, 1.05]) * rng.uniform(0.8, 1.3)
    density = float(1 / rng.choice([rng.uniform(250, 700), rng.uniform(900, 4000)]))
    cover = 1.0 if overcast else rng.uniform(0.0, 0.7)
    seed = int(rng.integers(1 << 30))
    light = Light(Vector(*map(float, direction)), _rgb(sun), _rgb(sky), _rgb(haze), density, cover, seed)
    gain = rng.uniform(0.75, 1.25) / (0.75 * strength * np.sin(elevation) + 0.95 * sky[1])
    film = Film(
        float(gain * 1.2), rng.uniform(0.48, 0.66), rng.uniform(1.0, 3.0), rng.uniform(0.35, 0.6),
        rng.uniform(0.0, 0.25), 1 + rng.normal(0, 0.03, 3),
    )  # fmt: skip
    return light, film


def _rgb(color: NDArray[np.float64]) -> Rgb:
    return Rgb(*map(float, color))
