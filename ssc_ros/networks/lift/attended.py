"""`sample_depth_weighted` for CPUs without gradients: one loop over queries, and no padded maps."""

from __future__ import annotations

import numpy as np

from ssc_ros.core.compiled import kernel


@kernel
def _lower(location, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 (numba infers scalars)
    """As `frustum.lower_neighbor`, but counted without the cell before the first."""
    position = min(max(location * np.float32(size) - np.float32(0.5), np.float32(-1)), np.float32(size))
    lower = min(np.floor(position), np.float32(size - 1))
    return int(lower), position - lower


@kernel
def attend(begin, end, rows, density, locations, weights, sample, result):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write weighted sums of samples of features times density; nothing is outside of the maps.

    Args:
        begin, end: range of the queries that are written.
        rows: (B, h, w, heads, c) float32 features.
        density: (B, h, w, D) float32 probability of each depth bin.
        locations: (N, heads, points, 3) float32: u, v, depth, 0 and 1 at the outer edges.
        weights: (N, heads, points) float32 of the samples.
        sample: (N,) which of the batch each query samples.
        result: (N, heads, c) float32 to write.
    """
    height, width, bins = density.shape[1:]
    heads, points = weights.shape[1:]
    channels = rows.shape[4]
    one = np.float32(1)
    for n in range(begin, end):
        b = sample[n]
        for head in range(heads):
            for i in range(channels):
                result[n, head, i] = 0
            for point in range(points):
                x, right = _lower(locations[n, head, point, 0], width)
                y, below = _lower(locations[n, head, point, 1], height)
                k, behind = _lower(locations[n, head, point, 2], bins)
                for corner in range(4):
                    column, row = x + corner % 2, y + corner // 2
                    if 0 <= column < width and 0 <= row < height:
                        near = density[b, row, column, k] if 0 <= k < bins else np.float32(0)
                        far = density[b, row, column, k + 1] if 0 <= k + 1 < bins else np.float32(0)
                        share = (right if corner % 2 else one - right) * (below if corner // 2 else one - below)
                        share *= weights[n, head, point] * (near + (far - near) * behind)
                        for i in range(channels):
                            result[n, head, i] += share * rows[b, row, column, head, i]
