"""What taps of a sparse convolution add to its outputs, for CPUs without gradients: several in one pass."""

from __future__ import annotations

from ssc_ros.kernels.bfloat16 import number
from ssc_ros.kernels.compiled import kernel


@kernel
def add_rows(begin, end, rows, first, places, total):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Add to rows of a total those products of some taps that belong to them.

    Args:
        begin, end: range of the rows of the total.
        rows: (P, C) float32, or int16: see `kernels.bfloat16`.
        first: place of the first of them.
        places: (T, N) int32, for each tap and row the place of a product; -1 where there is none.
        total: (N, C) float32.
    """
    taps, channels = len(places), total.shape[1]
    for i in range(begin, end):
        target = total[i]
        for tap in range(taps):
            place = places[tap, i]
            if place >= 0:
                row = rows[place - first]
                for c in range(channels):
                    target[c] += number(row[c])
