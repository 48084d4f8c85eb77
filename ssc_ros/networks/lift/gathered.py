"""`DepthWeightedLift` and `FrustumSampling` for CPUs without gradients: only what a voxel reads is touched."""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.bfloat16 import round_for
from ssc_ros.kernels.compiled import kernel

BLOCK = 16
"""Wide voxels that are stored at once: so many stay in the first cache."""


@kernel
def ray_table(begin, end, density, table):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Sum a density from the far end, within a ring of zeros.

    Args:
        begin, end: range of the rows of the table that are written.
        density: (h, w, D) probability of each bin.
        table: (h + 2, w + 2, D + 3) to write: the probability that a ray ends in a bin or behind it. One bin stands
            before the first, in which no ray ends, and two behind the last.
    """
    height, width, _ = density.shape
    table[begin:end] = 0
    for row in range(max(begin, 1), min(end, height + 1)):
        here, rays = density[row - 1], table[row, 1:]
        for column in range(0, width, 2):  # a sum waits for the one before: two rays at once take little longer
            other = min(column + 1, width - 1)
            _sum_two(here[column], here[other], rays[column], rays[other])


@kernel
def _sum_two(density, other_density, ray, other_ray):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write two rays of `ray_table`, which may be the same."""
    behind, other_behind = np.float32(0), np.float32(0)
    for k in range(len(density) - 1, -1, -1):
        behind += density[k]
        other_behind += other_density[k]
        ray[k + 1] = behind
        other_ray[k + 1] = other_behind
    ray[0], other_ray[0] = behind, other_behind


@kernel
def gather(begin, end, rows, table, width, first, bins, right, below, far, volume):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Interpolate in the table: bilinear in the image, linear along the ray.

    Args:
        begin, end: range of the wide voxels that are written.
        rows: ((h + 2) (w + 2), C) context of the cells, a ring of zeros around them.
        table: ((h + 2) (w + 2), D + 3) of `ray_table`.
        width: w + 2.
        first: (P, V) int32, the upper left of the four cells around each of the P voxels in V wide ones; negative out
            of view.
        bins: (P, V) int32, the nearer of the two bins around it.
        right, below, far: (P, V) the shares of the right cells, the lower cells and the second bin.
        volume: (V, P, C + 3) to write, see `DepthWeightedLift`; float32, or int16: see `kernels.bfloat16`.
    """
    channels, parts = rows.shape[1], len(first)
    one = np.float32(1)
    block = np.empty((BLOCK, parts, channels + 3), np.float32)
    numbers, whole = block.reshape(-1), volume.reshape(-1)
    size = parts * (channels + 3)
    for start in range(begin, end, BLOCK):
        stop = min(start + BLOCK, end)
        for v in range(start, stop):
            for part in range(parts):
                # a voxel out of view is empty
                voxel, a = block[v - start, part], first[part, v]
                if a < 0:
                    voxel[:] = 0
                    continue
                # the four cells around its pixel, and their bilinear shares
                b, c, d = a + 1, a + width, a + width + 1
                x, y, k, share = right[part, v], below[part, v], bins[part, v], far[part, v]
                wa, wb, wc, wd = (one - x) * (one - y), x * (one - y), (one - x) * y, x * y
                # that the ray ends in the nearer bin or behind it, in the second one or behind it, behind both
                near = wa * table[a, k] + wb * table[b, k] + wc * table[c, k] + wd * table[d, k]
                second = wa * table[a, k + 1] + wb * table[b, k + 1] + wc * table[c, k + 1] + wd * table[d, k + 1]
                behind = wa * table[a, k + 2] + wb * table[b, k + 2] + wc * table[c, k + 2] + wd * table[d, k + 2]
                # the density at the voxel, the probability that its ray ends behind it, and that it is in view
                here = (near - second) * (one - share) + (second - behind) * share
                voxel[channels] = here
                voxel[channels + 1] = (near * (one - share) if k > 0 else np.float32(0)) + second * share
                voxel[channels + 2] = one
                # the context of its pixel, times that density
                wa, wb, wc, wd = wa * here, wb * here, wc * here, wd * here
                for i in range(channels):
                    voxel[i] = wa * rows[a, i] + wb * rows[b, i] + wc * rows[c, i] + wd * rows[d, i]
        # the block leaves the cache once
        row = whole[start * size : stop * size]
        for i in range(len(row)):
            row[i] = round_for(numbers[i], row)


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
