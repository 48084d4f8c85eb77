"""Linear colours: values of compiled code, and random ones for things of every kind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.simulation.primitives import Color

WALL_TINTS: tuple[Color, ...] = (
    (1.0, 0.82, 0.5), (1.0, 0.6, 0.45), (0.8, 0.95, 0.75), (0.8, 0.9, 1.0), (1.0, 0.9, 0.7), (0.95, 0.75, 0.65),
)  # fmt: skip


class Rgb(NamedTuple):
    """A linear colour: the albedo 0..1 of a surface, or radiance."""

    r: float
    g: float
    b: float


@kernel
def rgb(row: NDArray[np.float64]) -> Rgb:
    """Return the three numbers of an array (3,) as a colour."""
    return Rgb(row[0], row[1], row[2])


@kernel
def scaled(color: Rgb, k: float) -> Rgb:
    """Return a colour that is k times as bright."""
    return Rgb(color.r * k, color.g * k, color.b * k)


@kernel
def grey(value: float) -> Rgb:
    """Return the grey of a brightness."""
    return Rgb(value, value, value)


def any_color(rng: np.random.Generator, saturation: float = 0.5) -> Color:
    """Draw a colour of random hue; most are near grey, as cars and clothes are."""
    value = rng.uniform(0.02, 0.85)
    hue = rng.dirichlet((0.7, 0.7, 0.7)) * 3
    mix = saturation * rng.random() if rng.random() < 0.6 else 0.05
    r, g, b = value * ((1 - mix) + mix * hue)
    return float(min(r, 0.9)), float(min(g, 0.9)), float(min(b, 0.9))


def leaf_color(rng: np.random.Generator) -> Color:
    """Draw a green; olive, yellow and brownish ones are among them."""
    g = rng.uniform(0.14, 0.42)
    autumn = rng.random() < 0.15
    red, blue = (rng.uniform(1.0, 1.6), 0.25) if autumn else (rng.uniform(0.55, 0.95), rng.uniform(0.2, 0.45))
    return float(g * red), float(g), float(g * blue)


def wall_color(rng: np.random.Generator) -> Color:
    """Draw a tone of plaster, concrete or brick; greys like asphalt are among them."""
    value = rng.choice([rng.uniform(0.10, 0.3), rng.uniform(0.35, 0.8), rng.uniform(0.55, 0.85)])
    if rng.random() < 0.4:
        warm = rng.uniform(0.85, 1.0)
        return float(value), float(value * warm), float(value * warm * warm)
    r, g, b = WALL_TINTS[rng.integers(len(WALL_TINTS))]
    return float(value * r), float(value * g), float(value * b)
