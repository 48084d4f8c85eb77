"""The bit mask and the labels of a grid's occupied voxels, in one pass over two million voxels of which few are any."""

from __future__ import annotations

import numpy as np

from ssc_ros.core import EMPTY
from ssc_ros.kernels.compiled import kernel


@kernel
def write_occupied(eights, labels, mask, values):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 (numba infers)
    """Write which voxels are not empty, and the labels of those.

    Args:
        eights: (N // 8,) uint64, the labels again, eight at a time.
        labels: (N,) uint8.
        mask: (ceil(N / 8),) uint8 to write, the first voxel in the highest bit.
        values: (N,) uint8 to write; the rest of it stays as it is.

    Returns:
        How many voxels are not empty.
    """
    count = 0
    for i in range(len(mask)):
        bits = 0
        if i >= len(eights) or eights[i] != 0:
            for k in range(8 * i, min(8 * i + 8, len(labels))):
                values[count] = labels[k]  # without a branch: the next one takes the place of an empty one
                occupied = labels[k] != EMPTY
                bits = 2 * bits + occupied
                count += occupied
            bits <<= 8 * i + 8 - min(8 * i + 8, len(labels))
        mask[i] = np.uint8(bits)
    return count
