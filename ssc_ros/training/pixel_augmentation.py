"""What training does to an image and its semantic map: crops of other sizes and proportions, in other light."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import UNKNOWN
from ssc_ros.training.photometry import Photometry


@dataclass(frozen=True)
class PixelAugmentation:
    """What training does to an image.

    Attributes:
        crop: (height, width) [px] of what a network is shown; a multiple of its coarsest stride.
        scale: lowest and highest size of the image, as multiples of the network's image size.
        stretch: greatest natural logarithm of a further factor on the width.
        flip: probability of exchanging left and right.
        photometry: changes of colours, light and sharpness.
    """

    crop: tuple[int, int] = (192, 384)
    scale: tuple[float, float] = (0.75, 2.0)
    stretch: float = 0.12
    flip: float = 0.5
    photometry: Photometry = field(default_factory=Photometry)

    def __call__(
        self,
        image: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        image_size: tuple[int, int],
        random: np.random.Generator,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a crop of a resized image and of its labels.

        Args:
            image: (H, W, 3) uint8 RGB.
            labels: (H, W) uint8.
            image_size: (height, width) [px], what the network is shown when it is deployed.
            random: draws.
        """
        size = np.array(labels.shape[::-1])  # from here on (x, y)
        crop = np.array(self.crop[::-1])
        factor = np.array(image_size[::-1]) / size * math.exp(random.uniform(*np.log(self.scale)))
        factor[0] *= math.exp(random.uniform(-self.stretch, self.stretch))
        spare = size - crop / factor
        corner = random.uniform(np.minimum(0, spare), np.maximum(0, spare))
        matrix = np.column_stack([np.diag(factor), -corner * factor])
        if random.random() < self.flip:
            matrix[0] *= -1
            matrix[0, 2] += crop[0] - 1
        if factor[1] < 0.7:  # less detail than pixels: without blur it would be aliased
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.35 / factor[1]), np.uint8)
        target = (int(crop[0]), int(crop[1]))
        cropped = cv2.warpAffine(image, matrix, target, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        classes = cv2.warpAffine(
            labels, matrix, target, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=UNKNOWN
        )
        return self.photometry(np.asarray(cropped, np.uint8), random), np.asarray(classes, np.uint8)
