"""Semi-global matching along three paths, with the same disparities as OpenCV's `MODE_SGBM_3WAY` in half of the time.

OpenCV is compiled for vectors of eight numbers; these loops use vectors as wide as the processor's. Matching costs (see
`matching_cost`) are aggregated along paths from the left, from above and from the right (Hirschmueller 2008, equation
13).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.kernels.matching_cost import LEVELS, update_block_costs, write_channels
from ssc_ros.kernels.threads import parallel_for
from ssc_ros.kernels.vectors import (
    broadcast_int16,
    highest_set_bit,
    horizontal_minimum,
    less_equal_mask,
    load,
    minimum,
    shift_lanes,
    store,
)

STRIPES = 4
"""Of rows, which are matched in parallel; each begins a few rows early, so that the path from above has settled."""
SUBPIXELS = 16
"""Disparities are fixed-point numbers with this many steps a pixel."""
INVALID = -SUBPIXELS
"""Disparity of a pixel without a match."""
MAX_COST = 0x3FFF
"""More than any path costs, and small enough for sums in int16."""


@kernel
def _step(costs, path, path_minimum, p1, p2):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Go one pixel along a path (Hirschmueller 2008, equation 13).

    L(p, d) = C(p, d) + min(L(q, d), L(q, d - 1) + P1, L(q, d + 1) + P1, min L(q) + P2) - min L(q), where q is the pixel
    before p. `costs` hold C + P2 already, so that no number becomes negative.
    """
    jump = broadcast_int16(path_minimum + p2, LEVELS)
    neighbor = minimum(shift_lanes(path, 1, MAX_COST), shift_lanes(path, -1, MAX_COST)) + broadcast_int16(p1, LEVELS)
    return costs + (minimum(minimum(neighbor, path), jump) - jump)


@kernel
def _aggregate_left_and_above(block_costs, from_left, from_above, above_minimum, p1, p2):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Go one row along the paths from the left and from above.

    Args:
        block_costs: (columns * LEVELS,) int16, C + P2 of the row.
        from_left: (columns * LEVELS,) int16 to write.
        from_above: (columns * LEVELS,) int16 to update, of the row above before and of this row after.
        above_minimum: (columns,) int64 to update, the minimum of `from_above` over the disparities.
        p1, p2: penalties.
    """
    path, path_minimum = broadcast_int16(0, LEVELS), 0
    for x in range(len(above_minimum)):
        costs = load(block_costs, x * LEVELS, LEVELS)
        path = _step(costs, path, path_minimum, p1, p2)
        path_minimum = horizontal_minimum(path)
        store(from_left, x * LEVELS, path)
        down = _step(costs, load(from_above, x * LEVELS, LEVELS), above_minimum[x], p1, p2)
        above_minimum[x] = horizontal_minimum(down)
        store(from_above, x * LEVELS, down)


@kernel
def _is_unique(total, cost, lane, uniqueness):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Whether no disparity costs nearly as little as the best one, but its direct neighbours; see `match`."""
    neighbors = np.uint64(7) << np.uint64(lane - 1) if lane else np.uint64(3)
    return not less_equal_mask(total, 100 * cost // (100 - uniqueness)) & ~neighbors


@kernel
def _subpixel_offset(total, cost, lane, scratch):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the minimum of the parabola through the costs of three disparities, in steps of 1 / `SUBPIXELS`."""
    store(scratch, 0, total)
    lower, higher = np.int64(scratch[lane + 1]), np.int64(scratch[lane - 1])
    curvature = max(lower + higher - 2 * cost, 1)
    return int((SUBPIXELS * (lower - higher) + curvature) / (2 * curvature))


@kernel
def _select_disparities(block_costs, from_left, from_above, p1, p2, uniqueness, found, right_found, right_cost):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Choose the disparity of the smallest total cost (winner takes all), on the way along the path from the right.

    Args:
        block_costs: (columns * LEVELS,) int16, C + P2 of the row.
        from_left, from_above: (columns * LEVELS,) int16, the costs of the other paths.
        p1, p2, uniqueness: see `match`.
        found: (W,) int16 to write, fixed-point disparities of the left pixels, or `INVALID`.
        right_found: (W,) int64 to write, disparities of the right pixels [px], -1 without any.
        right_cost: (W,) int64 to work in.
    """
    found[:], right_found[:], right_cost[:] = INVALID, -1, MAX_COST
    scratch = np.empty(LEVELS, np.int16)
    path, path_minimum = broadcast_int16(0, LEVELS), 0
    for x in range(len(block_costs) // LEVELS - 1, -1, -1):
        # sum of the three paths
        path = _step(load(block_costs, x * LEVELS, LEVELS), path, path_minimum, p1, p2)
        path_minimum = horizontal_minimum(path)
        total = path + load(from_above, x * LEVELS, LEVELS) + load(from_left, x * LEVELS, LEVELS)

        # winner takes all; of equal costs, the highest lane: the smallest disparity
        cost = horizontal_minimum(total)
        lane = highest_set_bit(less_equal_mask(total, cost))
        if not _is_unique(total, cost, lane, uniqueness):
            continue
        best = LEVELS - 1 - lane
        found[x + LEVELS] = SUBPIXELS * best
        if 0 < best < LEVELS - 1:
            found[x + LEVELS] += _subpixel_offset(total, cost, lane, scratch)

        # a right pixel keeps the cheapest of the left pixels that match it
        at = x + LEVELS - best
        if right_cost[at] > cost:
            right_cost[at], right_found[at] = cost, best


@kernel
def _disagrees(right_found, x, disparity, tolerance):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return 0 <= x < len(right_found) and right_found[x] >= 0 and abs(right_found[x] - disparity) > tolerance


@kernel
def _check_left_right(found, right_found, tolerance):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Invalidate disparities that disagree with both right pixels between which they lie (consistency check)."""
    for x in range(len(found)):
        if found[x] != INVALID:
            low, high = found[x] // SUBPIXELS, (found[x] + SUBPIXELS - 1) // SUBPIXELS
            if _disagrees(right_found, x - low, low, tolerance) and _disagrees(right_found, x - high, high, tolerance):
                found[x] = INVALID


@kernel
def _match_stripe(stripe, left, right, p1, p2, uniqueness, tolerance, disparity):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the rows of a stripe; see `match`."""
    height, _, width = left.shape
    rows = math.ceil(height / STRIPES)
    early = 2 + math.ceil(0.1 * rows)
    first, begin, end = max(stripe * rows - early, 0), stripe * rows, min((stripe + 1) * rows, height)
    columns = width - LEVELS
    row_costs, block_costs = np.empty((4, columns * LEVELS), np.int16), np.full(columns * LEVELS, p2, np.int16)
    from_above, above_minimum = np.zeros(columns * LEVELS, np.int16), np.zeros(columns, np.int64)
    from_left, unused = np.empty(columns * LEVELS, np.int16), np.empty(width, np.int16)
    right_found, right_cost = np.empty(width, np.int64), np.empty(width, np.int64)
    for y in range(first, end):
        # 1. matching costs C, summed over blocks
        update_block_costs(y, first, left, right, row_costs, block_costs)
        # 2. path costs L from the left and from above
        _aggregate_left_and_above(block_costs, from_left, from_above, above_minimum, p1, p2)
        # 3. path costs from the right, the sum S of all three, its minimum, uniqueness and sub-pixel interpolation
        found = disparity[y] if y >= begin else unused
        _select_disparities(block_costs, from_left, from_above, p1, p2, uniqueness, found, right_found, right_cost)
        # 4. left-right consistency; the early rows only bring the path from above on its way
        if y >= begin:
            _check_left_right(found, right_found, tolerance)


def match(
    left: NDArray[np.uint8],
    right: NDArray[np.uint8],
    *,
    p1: int,
    p2: int,
    uniqueness: int,
    tolerance: int,
    threads: int,
) -> NDArray[np.int16]:
    """Match a rectified pair.

    Args:
        left, right: (H, W) uint8, wider than `LEVELS`.
        p1, p2: penalties of a disparity change by one pixel, and by more, along a path.
        uniqueness: by how many % the second best disparity has to cost more than the best one; direct neighbours of
            the best one do not count.
        tolerance: by how many pixels the disparities of two pixels that match each other may differ.
        threads: that work on it.

    Returns:
        (H, W) int16, disparity in steps of 1 / `SUBPIXELS` pixel; `INVALID` without a match, as in the first `LEVELS`
        columns.
    """
    channels = [np.empty((len(image), 6, image.shape[1]), np.uint8) for image in (left, right)]
    for image, written in zip((left, right), channels, strict=True):
        parallel_for(lambda *rows, pair=(image, written): write_channels(*rows, *pair), len(left), threads)
    found = np.empty(left.shape, np.int16)

    def work(begin: int, end: int) -> None:
        for stripe in range(begin, end):
            _match_stripe(stripe, *channels, p1, p2, uniqueness, tolerance, found)

    parallel_for(work, STRIPES, threads)
    return np.asarray(cv2.medianBlur(found, 3), np.int16)
