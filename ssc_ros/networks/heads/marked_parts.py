"""`subvoxel.occupied_parts` for CPUs: eight children, or eight parts, that lie side by side are one number."""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.compiled import kernel

LOWER = 0x00FF00FF00FF00FF
"""The children 0, 2, 4 and 6: the lower half of a voxel."""


@kernel
def mark_parts(begin, end, children, parts):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write which parts of wider voxels hold something.

    Args:
        begin, end: range along the first axis of `parts` that is written.
        children: (2X, 2Y, Z, n) int64, the eight bytes of each voxel by sensor.
        parts: (X, Y, Z, n) int64 to write, bytes of 1 or 0: four of the lower half, by place in the wider voxel, and
            four of the upper one.
    """
    _, deep, high, sensors = parts.shape
    lower = np.int64(LOWER)
    for x in range(begin, end):
        for y in range(deep):
            for z in range(high):
                for sensor in range(sensors):
                    marked = np.int64(0)
                    for place in range(4):
                        eight = children[2 * x + place // 2, 2 * y + place % 2, z, sensor]
                        marked |= np.int64(eight & lower != 0) << (8 * place)
                        marked |= np.int64(eight & ~lower != 0) << (8 * place + 32)
                    parts[x, y, z, sensor] = marked
