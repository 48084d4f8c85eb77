"""Which points an image shows: one pass over the two million voxels of a grid."""

from __future__ import annotations

import numpy as np

from ssc_ros.core.compiled import kernel


@kernel
def find_visible(points, projection, height, width, seen):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write whether each point is in front of the camera and projects into its image.

    Args:
        points: (N, 3) [m].
        projection: (3, 4) float64, from the frame of the points to homogeneous pixels and depth [m].
        height, width: of the image [px]; integers are the centres of pixels.
        seen: (N,) bool to write.
    """
    for i in range(len(points)):
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        u, v, depth = projection[0, 3], projection[1, 3], projection[2, 3]
        u += projection[0, 0] * x + projection[0, 1] * y + projection[0, 2] * z
        v += projection[1, 0] * x + projection[1, 1] * y + projection[1, 2] * z
        depth += projection[2, 0] * x + projection[2, 1] * y + projection[2, 2] * z
        inside = -0.5 * depth <= u < (width - 0.5) * depth and -0.5 * depth <= v < (height - 0.5) * depth
        seen[i] = depth > 0 and inside
