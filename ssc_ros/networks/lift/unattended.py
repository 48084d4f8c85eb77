"""The gradient of `attended`, for CPUs: each query adds to what it has read.

Several queries read the same cells, so that one thread works on one scene.
"""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.compiled import kernel, summing_kernel


@kernel
def _lower(offset, location, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 (numba infers scalars)
    """As `attended._lower` at an offset in cells, and how fast the distance grows with it: 1, beyond the ring 0."""
    free = (location + offset / np.float32(size)) * np.float32(size) - np.float32(0.5)
    position = min(max(free, np.float32(-1)), np.float32(size))
    lower = min(np.floor(position), np.float32(size - 1))
    return int(lower), position - lower, np.float32(1 if free == position else 0)


@kernel
def _weights(logits, weights):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the softmax of a few logits."""
    largest, total = logits.max(), np.float32(0)
    for point in range(len(weights)):
        weights[point] = np.exp(logits[point] - largest)
        total += weights[point]
    for point in range(len(weights)):
        weights[point] /= total


@summing_kernel
def unattend(scene, rows, density, asked, reference, visible, sample, received, of_rows, of_density, of_asked):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Add up the gradients of what the queries of one scene have read in `attended.attend`.

    Args:
        scene: number of the scene.
        rows, density, asked, reference, visible, sample: as for `attended.attend`.
        received: (N, heads, c) float32 gradient of the result.
        of_rows, of_density: (B, h, w, heads, c) and (B, h, w, D) float32, to which the gradients are added.
        of_asked: (N, 4 heads points) float32 to write for the queries of the scene; 0 before.
    """
    height, width, bins = density.shape[1:]
    heads, channels = rows.shape[3:]
    samples = asked.shape[1] // 4
    points = samples // heads
    weights, pulls = np.empty(points, np.float32), np.empty(points, np.float32)
    one = np.float32(1)
    for n in range(len(sample)):
        if sample[n] != scene or not visible[n]:
            continue
        words, told = asked[n], of_asked[n]
        u, v, depth = reference[n]
        for head in range(heads):
            first, logits = head * points, 3 * samples + head * points
            gradient, mean = received[n, head], np.float32(0)
            _weights(words[logits : logits + points], weights)
            for point in range(points):
                i, weight, pull = first + point, weights[point], np.float32(0)
                x, right, grows_right = _lower(words[2 * i], u, width)
                y, below, grows_down = _lower(words[2 * i + 1], v, height)
                k, behind, grows_deep = _lower(words[2 * samples + i], depth, bins)
                to_right, down, deep = np.float32(0), np.float32(0), np.float32(0)
                for corner in range(4):
                    column, row = x + corner % 2, y + corner // 2
                    if 0 <= column < width and 0 <= row < height:
                        across = right if corner % 2 else one - right
                        along = below if corner // 2 else one - below
                        near = density[scene, row, column, k] if 0 <= k < bins else np.float32(0)
                        far = density[scene, row, column, k + 1] if 0 <= k + 1 < bins else np.float32(0)
                        here, share = near + (far - near) * behind, across * along
                        seen, added = rows[scene, row, column, head], of_rows[scene, row, column, head]
                        factor, dot = weight * share * here, np.float32(0)
                        for c in range(channels):
                            dot += gradient[c] * seen[c]
                            added[c] += factor * gradient[c]
                        pull += share * here * dot
                        to_right += along * here * dot if corner % 2 else -along * here * dot
                        down += across * here * dot if corner // 2 else -across * here * dot
                        deep += share * (far - near) * dot
                        ray, probable = of_density[scene, row, column], weight * share * dot
                        if 0 <= k < bins:
                            ray[k] += probable * (one - behind)
                        if 0 <= k + 1 < bins:
                            ray[k + 1] += probable * behind
                told[2 * i], told[2 * i + 1] = weight * to_right * grows_right, weight * down * grows_down
                told[2 * samples + i] = weight * deep * grows_deep
                pulls[point] = pull
                mean += weight * pull
            for point in range(points):
                told[logits + point] = weights[point] * (pulls[point] - mean)
