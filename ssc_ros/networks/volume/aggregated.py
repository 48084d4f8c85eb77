"""`aggregation.aggregate` for CPUs, with its gradient, in one pass over the voxels each: torch needs thirty.

A plane is rows of C channels, some of which several voxels share: voxel (x, y, z) reads row x s[0] + y s[1] + z s[2] of
a plane with the steps s. The step along the axis that the plane collapses is 0.
"""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.bfloat16 import round_for, to_float32
from ssc_ros.kernels.compiled import summing_kernel

PARTS = 4
"""Three planes and the volume."""


@summing_kernel
def weigh(begin, end, weight, rows, steps, shape, logits, result):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the logits of the parts, and the sum of the parts weighted by their softmax.

    Args:
        begin, end: range along X that is written.
        weight: (4, C) float32, of the logits.
        rows: four (N, C), float32, or int16: see `kernels.bfloat16`.
        steps: (4, 3) of the rows.
        shape: (X, Y, Z).
        logits: (4, X Y Z) float32 to write.
        result: (X Y Z, C) to write, of the type of the rows.
    """
    channels = weight.shape[1]
    _, deep, high = shape
    values, total = np.empty((PARTS, channels), np.float32), np.empty(channels, np.float32)
    shares = np.empty(PARTS, np.float32)
    for x in range(begin, end):
        for y in range(deep):
            for z in range(high):
                voxel = (x * deep + y) * high + z
                _read(x, y, z, rows, steps, values, total)
                for part in range(PARTS):
                    own, dot = weight[part], np.float32(0)
                    for i in range(channels):
                        dot += own[i] * total[i]
                    logits[part, voxel] = dot
                    shares[part] = dot
                _softmax(shares)
                written = result[voxel]
                for i in range(channels):
                    mean = np.float32(0)
                    for part in range(PARTS):
                        mean += shares[part] * values[part, i]
                    written[i] = round_for(mean, written)


@summing_kernel
def unweigh(weight, rows, steps, shape, logits, of_logits, of_result, of_weight, of_rows):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Add up the gradients of what `weigh` has read.

    Args:
        weight, rows, steps, shape, logits: as for `weigh`.
        of_logits: (4, X Y Z) float32 gradient of the logits.
        of_result: (X Y Z, C) gradient of the result, of the type of the rows.
        of_weight: (4, C) float32, to which the gradient of the weight is added.
        of_rows: four (N, C) float32, likewise.
    """
    channels = weight.shape[1]
    wide, deep, high = shape
    values, total = np.empty((PARTS, channels), np.float32), np.empty(channels, np.float32)
    gradient, shared = np.empty(channels, np.float32), np.empty(channels, np.float32)
    shares, pulls = np.empty(PARTS, np.float32), np.empty(PARTS, np.float32)
    for x in range(wide):
        for y in range(deep):
            for z in range(high):
                voxel = (x * deep + y) * high + z
                _read(x, y, z, rows, steps, values, total)
                received = of_result[voxel]
                for i in range(channels):
                    gradient[i] = to_float32(received[i])
                    shared[i] = 0
                mean = np.float32(0)
                for part in range(PARTS):
                    shares[part] = logits[part, voxel]
                _softmax(shares)
                for part in range(PARTS):
                    dot = np.float32(0)
                    for i in range(channels):
                        dot += gradient[i] * values[part, i]
                    pulls[part] = dot
                    mean += shares[part] * dot
                for part in range(PARTS):
                    pull = shares[part] * (pulls[part] - mean) + of_logits[part, voxel]
                    own, added = weight[part], of_weight[part]
                    for i in range(channels):
                        shared[i] += pull * own[i]
                        added[i] += pull * total[i]
                for part in range(PARTS):
                    own = of_rows[part][x * steps[part, 0] + y * steps[part, 1] + z * steps[part, 2]]
                    for i in range(channels):
                        own[i] += shares[part] * gradient[i] + shared[i]


@summing_kernel
def _read(x, y, z, rows, steps, values, total):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the four rows of a voxel (4, C), and their sum (C,)."""
    total[:] = 0
    for part in range(PARTS):
        row, value = rows[part][x * steps[part, 0] + y * steps[part, 1] + z * steps[part, 2]], values[part]
        for i in range(len(total)):
            value[i] = to_float32(row[i])
            total[i] += value[i]


@summing_kernel
def _softmax(logits):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Replace logits (4,) by their softmax."""
    largest, total = max(logits[0], logits[1], logits[2], logits[3]), np.float32(0)
    for part in range(PARTS):
        logits[part] = np.exp(logits[part] - largest)
        total += logits[part]
    for part in range(PARTS):
        logits[part] /= total
