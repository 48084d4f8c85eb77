"""The gradient of `chosen.chosen_rows`, for CPUs."""

from __future__ import annotations

from ssc_ros.kernels.bfloat16 import to_float32
from ssc_ros.kernels.compiled import kernel


@kernel
def add_to_rows(begin, end, index, added, total):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Add rows to those that an index names.

    Args:
        begin, end: range of the rows of the total that are written.
        index: (N,) the row of the total that each row is added to.
        added: (N, C) float32, or int16: see `kernels.bfloat16`.
        total: (M, C) float32.
    """
    for n in range(len(index)):
        row = index[n]
        if begin <= row < end:
            target, source = total[row], added[n]
            for i in range(len(target)):
                target[i] += to_float32(source[i])
