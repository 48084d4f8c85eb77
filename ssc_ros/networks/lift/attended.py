"""Deformable attention for CPUs without gradients: one loop over queries, and no padded maps."""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.compiled import kernel


@kernel
def _lower(location, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 (numba infers scalars)
    """As `frustum.lower_neighbor`, but counted without the cell before the first."""
    position = min(max(location * np.float32(size) - np.float32(0.5), np.float32(-1)), np.float32(size))
    lower = min(np.floor(position), np.float32(size - 1))
    return int(lower), position - lower


@kernel
def _softmax(logits, weights):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the softmax of (points,) logits."""
    largest, total = logits[0], np.float32(0)
    for point in range(1, len(logits)):
        largest = max(largest, logits[point])
    for point in range(len(logits)):
        weights[point] = np.exp(logits[point] - largest)
        total += weights[point]
    for point in range(len(logits)):
        weights[point] /= total


@kernel
def attend(begin, end, rows, density, asked, reference, visible, sample, result):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write weighted sums of samples of features times density; nothing is outside of the maps.

    Args:
        begin, end: range of the queries that are written.
        rows: (B, h, w, heads, c) float32 features.
        density: (B, h, w, D) float32 probability of each depth bin.
        asked: (N, 4 heads points) float32: offsets in cells along u and v, (heads, points, 2), then in bins, (heads,
            points), then logits of the weights, (heads, points).
        reference: (N, 3) float32: u, v, depth, 0 and 1 at the outer edges.
        visible: (N,) bool; others sum to 0.
        sample: (N,) which of the batch each query samples.
        result: (N, heads, c) float32 to write.
    """
    height, width, bins = density.shape[1:]
    heads, channels = rows.shape[3:]
    samples = asked.shape[1] // 4
    points = samples // heads
    weights = np.empty(points, np.float32)
    one = np.float32(1)
    for n in range(begin, end):
        result[n] = 0
        if not visible[n]:
            continue
        b, words = sample[n], asked[n]
        u, v, depth = reference[n]
        for head in range(heads):
            # how much each point of this head counts
            first, logits = head * points, 3 * samples + head * points
            _softmax(words[logits : logits + points], weights)
            for point in range(points):
                # the point: the nearest cells and bins before it, and the shares of those behind them
                i = first + point
                x, right = _lower(u + words[2 * i] / np.float32(width), width)
                y, below = _lower(v + words[2 * i + 1] / np.float32(height), height)
                k, behind = _lower(depth + words[2 * samples + i] / np.float32(bins), bins)
                for corner in range(4):
                    # a cell outside of the map adds nothing
                    column, row = x + corner % 2, y + corner // 2
                    if 0 <= column < width and 0 <= row < height:
                        # the probability of the point's depth in that cell, a bin outside being empty
                        near = density[b, row, column, k] if 0 <= k < bins else np.float32(0)
                        far = density[b, row, column, k + 1] if 0 <= k + 1 < bins else np.float32(0)
                        # bilinear share of the cell, times the point's weight, times that probability
                        share = (right if corner % 2 else one - right) * (below if corner // 2 else one - below)
                        share *= weights[point] * (near + (far - near) * behind)
                        for c in range(channels):
                            result[n, head, c] += share * rows[b, row, column, head, c]
