"""`DepthWeightedLift` and `FrustumSampling` for CPUs without gradients: only what a voxel reads is touched."""

from __future__ import annotations

import numpy as np

from ssc_ros.core.compiled import kernel

BLOCK = 64
"""Voxels whose features are gathered before they are written, a few cache lines of each channel."""

IMPROBABLE = np.float32(1e-8)
"""Where a ray ends with less than this probability the context is not read: it would be multiplied by that."""


@kernel
def ray_tables(density, ends, behind):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Put a ring of zeros around a density, and sum it from the far end.

    Args:
        density: (D, h, w) probability of each bin.
        ends, behind: (D + 2, h + 2, w + 2) to write: the probability that a ray ends in a bin, and in it or behind it.
    """
    bins, height, width = density.shape
    ends[:] = 0
    behind[:] = 0
    for k in range(bins - 1, -1, -1):
        for y in range(height):
            for x in range(width):
                ends[k + 1, y + 1, x + 1] = density[k, y, x]
        for y in range(1, height + 1):
            for x in range(1, width + 1):
                rest = behind[k + 2, y, x] if k + 1 < bins else np.float32(0)
                behind[k + 1, y, x] = ends[k + 1, y, x] + rest


@kernel
def gather(begin, end, rows, ends, behind, width, first, bins, right, below, far, volume):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Interpolate in the tables: bilinear in the image, linear along the ray.

    Args:
        begin, end: range of the voxels that are written.
        rows: ((h + 2) (w + 2), C) context of the cells, a ring of zeros around them.
        ends, behind: (D + 2, (h + 2) (w + 2)) of `ray_tables`.
        width: w + 2.
        first: (V,) int32, the upper left of the four cells around a voxel; negative out of view.
        bins: (V,) int32, the nearer of the two bins around it.
        right, below, far: (V,) the shares of the right cells, the lower cells and the second bin.
        volume: (C + 3, V) to write, see `DepthWeightedLift`.
    """
    channels = rows.shape[1]
    tile = np.empty((channels, BLOCK), np.float32)
    one = np.float32(1)
    for start in range(begin, end, BLOCK):
        count = min(BLOCK, end - start)
        tile[:] = 0
        for j in range(count):
            v = start + j
            a = first[v]
            if a < 0:
                volume[channels : channels + 3, v] = 0
                continue
            b, c, d = a + 1, a + width, a + width + 1
            x, y, k = right[v], below[v], bins[v]
            wa, wb, wc, wd = (one - x) * (one - y), x * (one - y), (one - x) * y, x * y
            near = wa * ends[k, a] + wb * ends[k, b] + wc * ends[k, c] + wd * ends[k, d]
            beyond = wa * ends[k + 1, a] + wb * ends[k + 1, b] + wc * ends[k + 1, c] + wd * ends[k + 1, d]
            here = near + (beyond - near) * far[v]
            near = wa * behind[k, a] + wb * behind[k, b] + wc * behind[k, c] + wd * behind[k, d]
            beyond = wa * behind[k + 1, a] + wb * behind[k + 1, b] + wc * behind[k + 1, c] + wd * behind[k + 1, d]
            volume[channels, v] = here
            volume[channels + 1, v] = near + (beyond - near) * far[v]
            volume[channels + 2, v] = 1
            if here > IMPROBABLE:
                wa, wb, wc, wd = wa * here, wb * here, wc * here, wd * here
                for i in range(channels):
                    tile[i, j] = wa * rows[a, i] + wb * rows[b, i] + wc * rows[c, i] + wd * rows[d, i]
        volume[:channels, start : start + count] = tile[:, :count]


@kernel
def gather_corners(begin, end, rows, first, shares, volume):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Interpolate linearly along three axes.

    Args:
        begin, end: range of the voxels that are written.
        rows: (D, h, w, C) float32, at least two along each axis.
        first: (V, 3) int32, the lowest of the eight cells around a voxel; negative out of view.
        shares: (V, 3, 2) float32 of the first cell and the one behind it, along each axis.
        volume: (C, V) to write; 0 out of view.
    """
    channels = rows.shape[3]
    tile = np.empty((channels, BLOCK), np.float32)
    for start in range(begin, end, BLOCK):
        count = min(BLOCK, end - start)
        tile[:] = 0
        for j in range(count):
            k, y, x = first[start + j]
            if k < 0:
                continue
            along, down, right = shares[start + j]
            for corner in range(4):
                share = along[corner // 2] * down[corner % 2]
                near, far = share * right[0], share * right[1]
                cells = rows[k + corner // 2, y + corner % 2]
                for i in range(channels):
                    tile[i, j] += near * cells[x, i] + far * cells[x + 1, i]
        volume[:, start : start + count] = tile[:, :count]
