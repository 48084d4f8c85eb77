"""Points of a LiDAR sweep as the truth of an image: which of them the camera sees, and how far away they are."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

REGIONS = {"12.8 m": 12.8, "25.6 m": 25.6, "51.2 m": 51.2, "all": math.inf}
"""Region -> points up to this distance from the LiDAR [m]."""
MINIMUM = 200
"""A class with fewer points says too little to be counted in the mean."""
ROWS, COLUMNS = 3, 2
"""A nearer point so many pixels away hides a point: about half of the gap between two beams of a 64-beam LiDAR."""
NEARER, AT_LEAST = 0.1, 0.5
"""How much nearer it is: a share of the depth, and metres."""


def seen_points(
    pixels: NDArray[np.floating], depth: NDArray[np.floating], image_size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return which points the camera sees: they project into the image, and no nearer point hides them.

    A LiDAR sits above the camera, so it sees over cars and walls what the camera does not.

    Args:
        pixels: (N, 2) as (u, v), NaN behind the camera.
        depth: (N,) along the optical axis [m].
        image_size: (height, width) [px].

    Returns:
        (N,) bool.
    """
    height, width = image_size
    rounded = np.rint(np.where(np.isfinite(pixels), pixels, -1))
    inside = ((rounded >= 0) & (rounded < (width, height))).all(axis=1)
    columns, rows = rounded[inside].astype(np.int64).T
    ahead = depth[inside].astype(np.float32)
    nearest = np.full(image_size, np.inf, np.float32)
    np.minimum.at(nearest, (rows, columns), ahead)
    # the least depth of the window around each pixel
    nearest = np.asarray(cv2.erode(nearest, np.ones((2 * ROWS + 1, 2 * COLUMNS + 1), np.uint8)), np.float32)
    gap = ahead - nearest[rows, columns]
    seen = inside.copy()
    seen[inside] = (gap <= NEARER * ahead) | (gap <= AT_LEAST)
    return np.asarray(seen, np.bool_)
