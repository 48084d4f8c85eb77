"""Matching costs of a rectified pair (Birchfield and Tomasi 1998), for all disparities of a pixel at once.

The cost of a pixel is a dissimilarity that sampling does not change: of the grey value and of its derivative along x,
summed over a block of 3 x 3 as OpenCV's `StereoSGBM` does.
"""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.compiled import kernel
from ssc_ros.kernels.vectors import (
    broadcast_uint8,
    load,
    maximum,
    minimum,
    store,
    subtract_saturated,
    widen_shift_right,
)

LEVELS = 64
"""Disparities that are searched [px]: one lane of a vector, and one bit of a uint64, for each. Lane i stands for the
disparity LEVELS - 1 - i, so that the right image is read from left to right."""
BLOCK = 3
"""Width of a block of summed costs [px]."""
DERIVATIVE_CAP = 31
"""Derivatives are clipped to -31 .. 31."""

_i = np.int32


@kernel
def write_channels(begin, end, image, channels):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the derivative and the grey value of each pixel, with their ranges half a pixel around.

    Args:
        begin, end: range of rows.
        image: (H, W) uint8.
        channels: (H, 6, W) uint8 to write: derivative, its minimum, its maximum; grey value, its minimum, its maximum.
    """
    height, width = image.shape
    for y in range(begin, end):
        # the Sobel derivative along x, clipped and moved to 0 .. 62
        row, above, below = image[y], image[max(y - 1, 0)], image[min(y + 1, height - 1)]
        derivative, grey = channels[y, 0], channels[y, 3]
        for x in range(1, width - 1):
            slope = _i(2) * (_i(row[x + 1]) - _i(row[x - 1])) + _i(above[x + 1]) - _i(above[x - 1])
            slope += _i(below[x + 1]) - _i(below[x - 1])
            derivative[x] = np.uint8(min(max(slope, _i(-DERIVATIVE_CAP)), _i(DERIVATIVE_CAP)) + _i(DERIVATIVE_CAP))
            grey[x] = row[x]
        for channel in (0, 3):
            _write_range(channels[y, channel], channels[y, channel + 1], channels[y, channel + 2])


@kernel
def _write_range(values, lower, upper):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the range of interpolated values half a pixel around each pixel of a row (W,) uint8; see `write_channels`.

    Both ends of `values` are set to a derivative of 0, also those of the grey values: OpenCV does so.
    """
    width = len(values)
    values[0] = values[width - 1] = np.uint8(DERIVATIVE_CAP)
    for x in range(1, width - 1):
        here = _i(values[x])
        left, right = (here + _i(values[x - 1])) >> _i(1), (here + _i(values[x + 1])) >> _i(1)
        lower[x] = np.uint8(min(here, left, right))
        upper[x] = np.uint8(max(here, left, right))
    for end, inner in ((0, 1), (width - 1, width - 2)):
        half = (_i(values[end]) + _i(values[inner])) >> _i(1)
        lower[end], upper[end] = min(values[end], np.uint8(half)), max(values[end], np.uint8(half))


@kernel
def _channel_cost(left, right, channel, x, first):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the dissimilarity of a left pixel and each right pixel from `first` on (Birchfield and Tomasi 1998).

    The smaller of two distances: of the left value to the right range, and of the right value to the left range.
    """
    value = broadcast_uint8(left[channel, x], LEVELS)
    low, high = broadcast_uint8(left[channel + 1, x], LEVELS), broadcast_uint8(left[channel + 2, x], LEVELS)
    other = load(right[channel], first, LEVELS)
    other_low, other_high = load(right[channel + 1], first, LEVELS), load(right[channel + 2], first, LEVELS)
    to_right = maximum(subtract_saturated(value, other_high), subtract_saturated(other_low, value))
    to_left = maximum(subtract_saturated(other, high), subtract_saturated(low, other))
    return minimum(to_right, to_left)


@kernel
def _pixel_cost(left, right, x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the matching costs of a pixel, by disparity, from rows (6, W) of `write_channels`; grey counts 1/4."""
    first = x - (LEVELS - 1)
    derivative, grey = _channel_cost(left, right, 0, x, first), _channel_cost(left, right, 3, x, first)
    return widen_shift_right(derivative, 0) + widen_shift_right(grey, 2)


@kernel
def write_row_costs(left, right, costs):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the costs of a row, each summed over three columns; beyond both ends the last column is repeated."""
    columns = len(costs) // LEVELS
    before = here = _pixel_cost(left, right, LEVELS)
    for x in range(columns):
        behind = _pixel_cost(left, right, LEVELS + min(x + 1, columns - 1))
        store(costs, x * LEVELS, before + here + behind)
        before, here = here, behind


@kernel
def update_block_costs(y, first, left, right, row_costs, block_costs):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Move the sums over three rows of costs down to row `y`: add the row below, subtract the row that is left behind.

    Args:
        y, first: the row, and the first one of the stripe, which is repeated above the stripe.
        left, right: (H, 6, W) uint8 of `write_channels`.
        row_costs: (4, columns * LEVELS) int16, the latest rows of `write_row_costs`; row y is at y % 4.
        block_costs: (columns * LEVELS,) int16 to update; before the first row it is P2 everywhere.
    """
    height = len(left)
    below = row_costs[min(y + 1, height - 1) % 4]
    if y == first:
        here = row_costs[y % 4]
        write_row_costs(left[y], right[y], here)
        write_row_costs(left[min(y + 1, height - 1)], right[min(y + 1, height - 1)], row_costs[(y + 1) % 4])
        block_costs += np.int16(2) * here + row_costs[(y + 1) % 4]
        return
    behind = row_costs[max(y - 2, first) % 4]
    if y + 1 < height:
        write_row_costs(left[y + 1], right[y + 1], below)
    for i in range(0, len(block_costs), LEVELS):
        change = load(below, i, LEVELS) - load(behind, i, LEVELS)
        store(block_costs, i, load(block_costs, i, LEVELS) + change)
