"""What a tap of a sparse convolution adds to its outputs, for CPUs without gradients: in one pass over the products."""

from __future__ import annotations

from ssc_ros.core.bfloat16 import number
from ssc_ros.core.compiled import kernel


@kernel
def add_rows(begin, end, rows, targets, total):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Add rows (P, C) to those of a total (N, C) float32 that they belong to.

    Args:
        begin, end: range of the rows that are added.
        rows: (P, C) float32, or int16: see `core.bfloat16`.
        targets: (P,) int64, each at most once.
        total: (N, C) float32.
    """
    for i in range(begin, end):
        target = total[targets[i]]
        row = rows[i]
        for c in range(len(row)):
            target[c] += number(row[c])
