"""`DepthWeightedLift` and `FrustumSampling` for CPUs without gradients: only what a voxel reads is touched."""

from __future__ import annotations

import numpy as np

from ssc_ros.core.compiled import kernel

IMPROBABLE = np.float32(1e-8)
"""Where a ray ends with less than this probability the context is not read: it would be multiplied by that."""


@kernel
def ray_table(begin, end, density, table):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Put a ring of zeros around a density, sum it from the far end, and let what a voxel reads lie side by side.

    Args:
        begin, end: range of the rows of the table that are written.
        density: (D, h, w) probability of each bin.
        table: (h + 2, w + 2, D + 2, 2) to write: the probability that a ray ends in a bin, and in it or behind it.
    """
    bins, height, width = density.shape
    table[begin:end] = 0
    for row in range(max(begin, 1), min(end, height + 1)):
        for k in range(bins - 1, -1, -1):
            for x in range(width):
                ray, here = table[row, x + 1], density[k, row - 1, x]
                ray[k + 1, 0] = here
                ray[k + 1, 1] = ray[k + 2, 1] + here


@kernel
def gather(begin, end, rows, table, width, first, bins, right, below, far, volume):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Interpolate in the table: bilinear in the image, linear along the ray.

    Args:
        begin, end: range of the wide voxels that are written.
        rows: ((h + 2) (w + 2), C) context of the cells, a ring of zeros around them.
        table: ((h + 2) (w + 2), D + 2, 2) of `ray_table`.
        width: w + 2.
        first: (P, V) int32, the upper left of the four cells around each of the P voxels in V wide ones; negative out
            of view.
        bins: (P, V) int32, the nearer of the two bins around it.
        right, below, far: (P, V) the shares of the right cells, the lower cells and the second bin.
        volume: (V, C + 3, P) to write, see `DepthWeightedLift`.
    """
    channels = rows.shape[1]
    one = np.float32(1)
    for v in range(begin, end):
        voxel = volume[v]
        voxel[:] = 0
        for part in range(len(first)):
            a = first[part, v]
            if a < 0:
                continue
            b, c, d = a + 1, a + width, a + width + 1
            x, y, k, n = right[part, v], below[part, v], bins[part, v], bins[part, v] + 1
            wa, wb, wc, wd = (one - x) * (one - y), x * (one - y), (one - x) * y, x * y
            for i in range(2):
                near = wa * table[a, k, i] + wb * table[b, k, i] + wc * table[c, k, i] + wd * table[d, k, i]
                beyond = wa * table[a, n, i] + wb * table[b, n, i] + wc * table[c, n, i] + wd * table[d, n, i]
                voxel[channels + i, part] = near + (beyond - near) * far[part, v]
            voxel[channels + 2, part] = 1
            here = voxel[channels, part]
            if here > IMPROBABLE:
                wa, wb, wc, wd = wa * here, wb * here, wc * here, wd * here
                for i in range(channels):
                    voxel[i, part] = wa * rows[a, i] + wb * rows[b, i] + wc * rows[c, i] + wd * rows[d, i]


@kernel
def gather_corners(begin, end, rows, first, shares, volume):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Interpolate linearly along three axes.

    Args:
        begin, end: range of the voxels that are written.
        rows: (D, h, w, C) float32, at least two along each axis.
        first: (V, 3) int32, the lowest of the eight cells around a voxel; negative out of view.
        shares: (V, 3, 2) float32 of the first cell and the one behind it, along each axis.
        volume: (V, C) to write; 0 out of view.
    """
    for v in range(begin, end):
        voxel = volume[v]
        voxel[:] = 0
        k, y, x = first[v]
        if k < 0:
            continue
        along, down, right = shares[v]
        for corner in range(4):
            share = along[corner // 2] * down[corner % 2]
            near, far = share * right[0], share * right[1]
            cells = rows[k + corner // 2, y + corner % 2]
            for i in range(len(voxel)):
                voxel[i] += near * cells[x, i] + far * cells[x + 1, i]
