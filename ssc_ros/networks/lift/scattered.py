"""The gradient of `gathered`, for CPUs: each voxel adds to what it has read.

Several voxels read the same cells, so that one thread works on one scene.
"""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.bfloat16 import to_float32
from ssc_ros.kernels.compiled import fused_kernel, kernel


@fused_kernel
def scatter(rows, table, width, first, bins, right, below, far, volume, row_gradient, table_gradient):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Add to the gradients of what `gathered.gather` has read.

    Args:
        rows, table, width, first, bins, right, below, far: as for `gathered.gather`.
        volume: (V, P, C + 3) gradient of the result; float32, or int16: see `core.bfloat16`.
        row_gradient: ((h + 2) (w + 2), C) float32, to which the gradient of `rows` is added.
        table_gradient: ((h + 2) (w + 2), D + 3) float32, likewise.
    """
    channels, parts, size = rows.shape[1], len(first), len(volume)
    one = np.float32(1)
    cells, shares = np.empty(4, np.int64), np.empty(4, np.float32)
    gradient = np.empty(channels + 3, np.float32)
    for v in range(size):
        for part in range(parts):
            a = first[part, v]
            if a < 0:
                continue
            for i in range(channels + 3):
                gradient[i] = to_float32(volume[v, part, i])
            x, y, k, share = right[part, v], below[part, v], bins[part, v], far[part, v]
            cells[0], cells[1], cells[2], cells[3] = a, a + 1, a + width, a + width + 1
            shares[0], shares[1] = (one - x) * (one - y), x * (one - y)
            shares[2], shares[3] = (one - x) * y, x * y
            here, reached = np.float32(0), gradient[channels]
            for corner in range(4):
                cell, weight, dot = cells[corner], shares[corner], np.float32(0)
                near, second, behind = table[cell, k], table[cell, k + 1], table[cell, k + 2]
                here += weight * ((near - second) * (one - share) + (second - behind) * share)
                row = rows[cell]
                for i in range(channels):
                    dot += gradient[i] * row[i]
                reached += weight * dot
            # of the probability here, and of the one that the ray ends behind
            first_bin, second_bin = reached * (one - share), reached * share
            passed = gradient[channels + 1]
            at_near = first_bin + (passed * (one - share) if k > 0 else np.float32(0))
            at_second = second_bin - first_bin + passed * share
            for corner in range(4):
                cell, weight = cells[corner], shares[corner]
                ray, row = table_gradient[cell], row_gradient[cell]
                ray[k] += weight * at_near
                ray[k + 1] += weight * at_second
                ray[k + 2] -= weight * second_bin
                context = weight * here
                for i in range(channels):
                    row[i] += context * gradient[i]


@kernel
def density_gradient(table_gradient, density):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the gradient of the density whose sums `gathered.ray_table` has written.

    Args:
        table_gradient: (h + 2, w + 2, D + 3) float32.
        density: (h, w, D) float32 to write.
    """
    height, width, bins = density.shape
    for y in range(height):
        for x in range(width):
            ray, result = table_gradient[y + 1, x + 1], density[y, x]
            total = ray[0]
            for k in range(bins):
                total += ray[k + 1]
                result[k] = total
