"""Which points an image shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PIECE = 1 << 14
"""Points that are projected at a time, so that what is between stays in the processor's cache."""


def find_visible(
    points: NDArray[np.floating], projection: NDArray[np.float64], height: int, width: int
) -> NDArray[np.bool_]:
    """Return whether each point is in front of the camera and projects into its image, (N,) bool.

    Args:
        points: (N, 3) [m].
        projection: (3, 4) float64, from the frame of the points to homogeneous pixels and depth [m].
        height, width: of the image [px]; integers are the centres of pixels.
    """
    seen = np.empty(len(points), np.bool_)
    for begin in range(0, len(points), _PIECE):
        piece = slice(begin, begin + _PIECE)
        x, y, z = points[piece].T.astype(np.float64)
        u, v, depth = (row[3] + (row[0] * x + row[1] * y + row[2] * z) for row in projection)
        across = (-0.5 * depth <= u) & (u < (width - 0.5) * depth)
        down = (-0.5 * depth <= v) & (v < (height - 0.5) * depth)
        seen[piece] = (depth > 0) & across & down
    return seen
