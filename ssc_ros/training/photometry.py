"""Strong changes of an image's colours, light and sharpness, so that a network cannot rely on how a simulator shades.

Each change takes an image (H, W, 3) float32 RGB, about 0..1, and a generator, and returns another such image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Photometry:
    """What training does to the look of an image.

    Hues stay, and saturation keeps above a floor: colour tells grass from asphalt in real images too.

    Attributes:
        strength: 0 leaves images alone, 1 applies each change with its own probability.
        saturation: lowest and highest factor.
        contrast: lowest and highest natural logarithm of the factor.
        balance: deviation of the logarithm of each channel's gain.
        grey: probability of no colour at all, as of a monochrome camera.
    """

    strength: float = 1.0
    saturation: tuple[float, float] = (0.6, 1.7)
    contrast: tuple[float, float] = (-0.6, 0.6)
    balance: float = 0.06
    grey: float = 0.02

    def __call__(self, image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return a changed copy of an image (H, W, 3) uint8 RGB."""
        changes: tuple[tuple[float, Callable[[Image, np.random.Generator], Image]], ...] = (
            (0.8, _gamma), (0.5, _uneven_light), (0.4, _shadows), (0.8, _brightness), (0.8, self._balanced),
            (0.8, self._saturated), (0.8, self._contrasted), (0.55, _sharpness), (0.2, _haze), (0.5, _noise),
            (0.3, _compression), (0.4, _cutout),
        )  # fmt: skip
        changed: Image = np.asarray(image, np.float32) / np.float32(255)
        for probability, change in changes:
            if random.random() < self.strength * probability:
                changed = change(changed, random)
        return _bytes(changed)

    def _balanced(self, image: Image, random: np.random.Generator) -> Image:
        """Change the white balance."""
        return image * np.asarray(np.exp(random.normal(0, self.balance, 3)), np.float32)

    def _saturated(self, image: Image, random: np.random.Generator) -> Image:
        """Change the saturation."""
        factor = 0.0 if random.random() < self.grey else random.uniform(*self.saturation)
        grey = (image @ _LUMA)[..., None]
        return grey + (image - grey) * np.float32(factor)

    def _contrasted(self, image: Image, random: np.random.Generator) -> Image:
        """Stretch or shrink values around their mean; what leaves 0..1 is cut off later."""
        mean = (image @ _LUMA).mean()
        return mean + (image - mean) * np.float32(np.exp(random.uniform(*self.contrast)))


def _gamma(image: Image, random: np.random.Generator) -> Image:
    """Change the tone curve."""
    return np.asarray(image ** np.float32(np.exp(random.uniform(-0.6, 0.6))), np.float32)


def _brightness(image: Image, random: np.random.Generator) -> Image:
    """Change the exposure."""
    return image * np.float32(np.exp(random.uniform(-0.5, 0.5)))


def _uneven_light(image: Image, random: np.random.Generator) -> Image:
    """Brighten some parts and darken others, smoothly."""
    height, width = image.shape[:2]
    cells = int(random.integers(2, 7))
    coarse = random.uniform(0.4, 1.6, (cells, 2 * cells)).astype(np.float32)
    return image * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]


def _shadows(image: Image, random: np.random.Generator) -> Image:
    """Cast one to three shadows with straight edges, sharp or soft."""
    height, width = image.shape[:2]
    shade = np.zeros((height, width), np.float32)
    for _ in range(int(random.integers(1, 4))):
        corners = np.stack([random.uniform(-0.2, 1.2, 5) * width, random.uniform(0, 1.2, 5) * height], axis=1)
        cv2.fillPoly(shade, [cv2.convexHull(corners.astype(np.int32))], (1.0,))
    shade = cv2.GaussianBlur(shade, (0, 0), random.uniform(0.6, 6))
    return image * (1 - shade * np.float32(random.uniform(0.3, 0.8)))[..., None]


def _sharpness(image: Image, random: np.random.Generator) -> Image:
    """Blur or sharpen."""
    if random.random() < 0.7:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, 1.6)), np.float32)
    detail = image - cv2.GaussianBlur(image, (0, 0), 1.2)
    return image + detail * np.float32(random.uniform(0.3, 1.5))


def _haze(image: Image, random: np.random.Generator) -> Image:
    """Fade towards a light grey."""
    return image + (np.float32(random.uniform(0.6, 1.1)) - image) * np.float32(random.uniform(0, 0.4))


def _noise(image: Image, random: np.random.Generator) -> Image:
    """Add noise of single pixels in colour, and often coarse noise in grey."""
    height, width = image.shape[:2]
    noisy = image + random.standard_normal(image.shape, np.float32) * np.float32(random.uniform(0.005, 0.05))
    if random.random() < 0.6:
        coarse = random.standard_normal((height // 4 + 1, width // 4 + 1, 1), np.float32)
        large = coarse.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
        noisy += large * np.float32(random.uniform(0.01, 0.08))
    return np.asarray(noisy, np.float32)


def _compression(image: Image, random: np.random.Generator) -> Image:
    """Compress as JPEG."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 86))]
    encoded = cv2.imencode(".jpg", _bytes(image), quality)[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.float32) / np.float32(255)


def _cutout(image: Image, random: np.random.Generator) -> Image:
    """Cover one to four rectangles, each with one colour."""
    height, width = image.shape[:2]
    covered = image.copy()
    for _ in range(int(random.integers(1, 5))):
        high, wide = int(random.uniform(0.03, 0.35) * height), int(random.uniform(0.02, 0.2) * width)
        top, left = int(random.integers(0, height - high)), int(random.integers(0, width - wide))
        covered[top : top + high, left : left + wide] = random.random(3, np.float32)
    return covered


def _bytes(image: Image) -> NDArray[np.uint8]:
    return np.asarray(np.clip(image, 0, 1) * 255, np.uint8)
