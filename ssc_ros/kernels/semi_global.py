"""Semi-global matching along three paths, as OpenCV's `MODE_SGBM_3WAY`, with vectors as wide as the processor's.

OpenCV's is compiled for eight numbers at once and takes twice as long; the disparities are the same. What one costs at
a pixel is how far the pixels are apart (Birchfield and Tomasi 1998), in grey and in its derivative along x, summed over
a block of 3 x 3; that is added up along paths from the left, above and the right (Hirschmueller 2008, equation 13).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.kernels.compiled import kernel
from ssc_ros.kernels.threads import at_once
from ssc_ros.kernels.vectors import (
    at_most,
    beyond,
    bytes_of,
    last_bit,
    least,
    load,
    lowest,
    most,
    moved,
    shorts,
    store,
    widened,
)

LEVELS = 64
"""Disparities that are searched [px]: one bit of a word for each."""
BLOCK = 3
"""Width of what is compared [px]."""
STRIPES = 4
"""Of rows, which are matched at once; each begins a few rows early, so that the path from above has settled."""
PARTS = 16
"""Of a pixel, in which disparities are found."""
NONE = -PARTS
"""In the place of a disparity that was not found."""
CAP = 31
"""Largest derivative that is told apart."""
LARGE = 0x3FFF
"""More than any path costs, and small enough to be added to."""

_i = np.int32


@kernel
def _channels(begin, end, image, seen):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write what is compared: derivative and grey value, and how small and how large each is half a pixel around.

    Args:
        begin, end: range of rows.
        image: (H, W) uint8.
        seen: (H, 6, W) uint8 to write: derivative, its least, its most; grey value, its least, its most.
    """
    height, width = image.shape
    for y in range(begin, end):
        row, above, below = image[y], image[max(y - 1, 0)], image[min(y + 1, height - 1)]
        derivative, grey = seen[y, 0], seen[y, 3]
        for x in range(1, width - 1):
            slope = _i(2) * (_i(row[x + 1]) - _i(row[x - 1])) + _i(above[x + 1]) - _i(above[x - 1])
            slope += _i(below[x + 1]) - _i(below[x - 1])
            derivative[x] = np.uint8(min(max(slope, _i(-CAP)), _i(CAP)) + _i(CAP))
            grey[x] = row[x]
        for channel in (0, 3):
            values, lower, upper = seen[y, channel], seen[y, channel + 1], seen[y, channel + 2]
            values[0] = values[width - 1] = np.uint8(CAP)
            for x in range(1, width - 1):
                here = _i(values[x])
                before, behind = (here + _i(values[x - 1])) >> _i(1), (here + _i(values[x + 1])) >> _i(1)
                lower[x] = np.uint8(min(here, before, behind))
                upper[x] = np.uint8(max(here, before, behind))
            for end, inner in ((0, 1), (width - 1, width - 2)):
                half = (_i(values[end]) + _i(values[inner])) >> _i(1)
                lower[end], upper[end] = min(values[end], np.uint8(half)), max(values[end], np.uint8(half))


@kernel
def _channel_cost(ours, theirs, channel, x, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """How far a pixel and those of the other image are apart, half a pixel around either."""
    u, low, high = ours[channel, x], ours[channel + 1, x], ours[channel + 2, x]
    v, lower, upper = theirs[channel], theirs[channel + 1], theirs[channel + 2]
    mine, mine_low, mine_high = bytes_of(u, LEVELS), bytes_of(low, LEVELS), bytes_of(high, LEVELS)
    their, their_low, their_high = load(v, at, LEVELS), load(lower, at, LEVELS), load(upper, at, LEVELS)
    one = most(beyond(mine, their_high), beyond(their_low, mine))
    other = most(beyond(their, mine_high), beyond(mine_low, their))
    return least(one, other)


@kernel
def _pixel_cost(ours, theirs, x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Costs of the disparities of a pixel, the largest one first, of rows (6, W) of `_channels`."""
    at = x - (LEVELS - 1)
    return widened(_channel_cost(ours, theirs, 0, x, at), 0) + widened(_channel_cost(ours, theirs, 3, x, at), 2)


@kernel
def _sum_row(ours, theirs, sums):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write costs, each the sum of three neighbours' along the row; the ends stand for those beyond them."""
    columns = len(sums) // LEVELS
    before = here = _pixel_cost(ours, theirs, LEVELS)
    for x in range(columns):
        behind = _pixel_cost(ours, theirs, LEVELS + min(x + 1, columns - 1))
        store(sums, x * LEVELS, before + here + behind)
        before, here = here, behind


@kernel
def _step(costs, path, low, small, large):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Go one pixel along a path; costs hold `large` already, so that no number becomes negative."""
    jump = shorts(low + large, LEVELS)
    near = least(moved(path, 1, LARGE), moved(path, -1, LARGE)) + shorts(small, LEVELS)
    return costs + (least(least(near, path), jump) - jump)


@kernel
def _elsewhere(theirs, x, level, apart):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return 0 <= x < len(theirs) and theirs[x] >= 0 and abs(theirs[x] - level) > apart


@kernel
def _check(found, theirs, apart):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Leave out what both of the other image's pixels that it may lie on see elsewhere."""
    for x in range(len(found)):
        if found[x] != NONE:
            low, high = found[x] // PARTS, (found[x] + PARTS - 1) // PARTS
            if _elsewhere(theirs, x - low, low, apart) and _elsewhere(theirs, x - high, high, apart):
                found[x] = NONE


@kernel
def _match(stripe, left, right, small, large, ratio, apart, disparity):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the rows of a stripe; see `match`."""
    height, _, width = left.shape
    rows = math.ceil(height / STRIPES)
    early = 2 + math.ceil(0.1 * rows)
    first, begin, end = max(stripe * rows - early, 0), stripe * rows, min((stripe + 1) * rows, height)
    columns = width - LEVELS
    sums = np.empty((4, columns * LEVELS), np.int16)
    costs = np.full(columns * LEVELS, large, np.int16)
    above, above_low = np.zeros(columns * LEVELS, np.int16), np.zeros(columns, np.int64)
    beside, total = np.empty(columns * LEVELS, np.int16), np.empty(LEVELS, np.int16)
    their_cost, theirs, unused = np.empty(width, np.int64), np.empty(width, np.int64), np.empty(width, np.int16)
    for y in range(first, end):
        if y == first:
            _sum_row(left[y], right[y], sums[y % 4])
            _sum_row(left[min(y + 1, height - 1)], right[min(y + 1, height - 1)], sums[(y + 1) % 4])
            costs += np.int16(2) * sums[y % 4] + sums[(y + 1) % 4]
        else:
            added, gone = sums[min(y + 1, height - 1) % 4], sums[max(y - 2, first) % 4]
            if y + 1 < height:
                _sum_row(left[y + 1], right[y + 1], added)
            for i in range(0, len(costs), LEVELS):
                newer = load(added, i, LEVELS) - load(gone, i, LEVELS)
                store(costs, i, load(costs, i, LEVELS) + newer)

        path, low = shorts(0, LEVELS), 0
        for x in range(columns):
            here = load(costs, x * LEVELS, LEVELS)
            path = _step(here, path, low, small, large)
            low = lowest(path)
            store(beside, x * LEVELS, path)
            down = _step(here, load(above, x * LEVELS, LEVELS), above_low[x], small, large)
            above_low[x] = lowest(down)
            store(above, x * LEVELS, down)

        their_cost[:], theirs[:] = LARGE, -1
        found = disparity[y] if y >= begin else unused
        found[:] = NONE
        path, low = shorts(0, LEVELS), 0
        for x in range(columns - 1, -1, -1):
            path = _step(load(costs, x * LEVELS, LEVELS), path, low, small, large)
            low = lowest(path)
            every = path + load(above, x * LEVELS, LEVELS) + load(beside, x * LEVELS, LEVELS)
            cost = lowest(every)
            number = last_bit(at_most(every, cost))
            near = np.uint64(7) << np.uint64(number - 1) if number else np.uint64(3)
            if at_most(every, 100 * cost // (100 - ratio)) & ~near:
                continue
            best = LEVELS - 1 - number
            at = x + LEVELS - best
            if their_cost[at] > cost:
                their_cost[at], theirs[at] = cost, best
            found[x + LEVELS] = PARTS * best
            if 0 < best < LEVELS - 1:
                store(total, 0, every)
                lower, higher = np.int64(total[number + 1]), np.int64(total[number - 1])
                bend = max(lower + higher - 2 * cost, 1)
                found[x + LEVELS] += int((PARTS * (lower - higher) + bend) / (2 * bend))
        if y >= begin:
            _check(found, theirs, apart)


def match(
    left: NDArray[np.uint8],
    right: NDArray[np.uint8],
    *,
    small: int,
    large: int,
    ratio: int,
    apart: int,
    threads: int,
) -> NDArray[np.int16]:
    """Match a rectified pair.

    Args:
        left, right: (H, W) uint8, wider than `LEVELS`.
        small, large: what a change of disparity by one, and by more, costs along a path (P1 and P2).
        ratio: by how many % the second best disparity has to be worse than the best one.
        apart: by how many levels the disparities of two pixels that see each other may differ.
        threads: that work on it.

    Returns:
        (H, W) int16, disparity in sixteenths of a pixel; `NONE` where none was found, as in the first `LEVELS` columns.
    """
    seen = [np.empty((len(image), 6, image.shape[1]), np.uint8) for image in (left, right)]
    for image, channels in zip((left, right), seen, strict=True):
        at_once(lambda *rows, pair=(image, channels): _channels(*rows, *pair), len(left), threads)
    found = np.empty(left.shape, np.int16)

    def work(begin: int, end: int) -> None:
        for stripe in range(begin, end):
            _match(stripe, *seen, small, large, ratio, apart, found)

    at_once(work, STRIPES, threads)
    return np.asarray(cv2.medianBlur(found, 3), np.int16)
