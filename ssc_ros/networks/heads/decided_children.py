"""The labels of `SubvoxelFeatures` in one pass over the features, for CPUs: torch needs a dozen."""

from __future__ import annotations

import numpy as np

from ssc_ros.core.bfloat16 import number
from ssc_ros.core.compiled import fused_kernel, kernel

_f = np.float32
_i = np.int32

BLOCK = 8
"""Columns that are decided at once: the logits of 128 voxels stay in the first cache."""


@fused_kernel
def _power_of_two(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 (numba infers scalars)
    """Two to the power of a float32 that is not positive, without a branch, so that loops of it are vectorised.

    A whole power times a polynomial that fits -0.5 .. 0.5 best: relative error 3e-6, of 255 levels; 1e-38 below -126.
    """
    bounded = max(x, _f(-126))
    whole = np.floor(bounded + _f(0.5))
    rest = bounded - whole
    series = _f(9.5701013e-3)
    series = series * rest + _f(5.5917859e-2)
    series = series * rest + _f(2.40247443e-1)
    series = series * rest + _f(6.93121791e-1)
    series = series * rest + _f(9.99999285e-1)
    return series * _i((_i(whole) + _i(127)) << _i(23)).view(np.float32)


@fused_kernel
def _decide_row(semantic, empty_offset, best, total, label, label_pairs, confidence_pairs):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Decide a row of K voxels, which is short enough for the cache; innermost loops run along contiguous voxels.

    Args:
        semantic: (C, K) float32, and
        empty_offset: (8, K) float32: logits to base 2, contiguous, without which the loops would not be vectorised.
        best, total, label: (K,) to work in.
        label_pairs, confidence_pairs: (4, K) uint16 to write, for the four children side by side two neighbours along
            z, the lower one in the lower byte.
    """
    classes, voxels = semantic.shape
    for k in range(voxels):
        best[k] = semantic[1, k]
        label[k] = 1
        total[k] = _f(0)
    for c in range(2, classes):
        row = semantic[c]
        for k in range(voxels):
            better = row[k] > best[k]
            best[k] = row[k] if better else best[k]
            label[k] = _i(c) if better else label[k]
    for c in range(1, classes):
        row = semantic[c]
        for k in range(voxels):
            total[k] += _power_of_two(row[k] - best[k])  # relative to the best of the occupied classes
    empty = semantic[0]
    for pair in range(4):
        lower, upper = empty_offset[2 * pair], empty_offset[2 * pair + 1]
        label_pair, confidence_pair = label_pairs[pair], confidence_pairs[pair]
        for k in range(voxels):
            first, second = empty[k] + lower[k] - best[k], empty[k] + upper[k] - best[k]
            near, far = _power_of_two(-abs(first)), _power_of_two(-abs(second))
            p = _f(255) / (near + total[k] if first < _f(0) else _f(1) + total[k] * near)
            q = _f(255) / (far + total[k] if second < _f(0) else _f(1) + total[k] * far)
            one = label[k] if first < _f(0) else _i(0)
            two = label[k] if second < _f(0) else _i(0)
            label_pair[k] = np.uint16(one | (two << _i(8)))
            confidence_pair[k] = np.uint16(_i(p + _f(0.5)) | (_i(q + _f(0.5)) << _i(8)))


@kernel
def _copy(source, x, target):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Target (C, K) = source[:, x], of (C, X, K), in the loops that the compiler vectorises; slices are not."""
    channels, voxels = target.shape
    for c in range(channels):
        for k in range(voxels):
            target[c, k] = number(source[c, x, k])


@fused_kernel
def _classify(features, weight, bias, logits):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write logits (O, K) = weight (O, F) features (F, K) + bias (O, 1), all contiguous, four features at a time."""
    outputs, voxels = logits.shape
    count = weight.shape[1]
    fours = count // 4 * 4
    for o in range(outputs):
        row, w, constant = logits[o], weight[o], bias[o, 0]
        for k in range(voxels):
            row[k] = constant
        for f in range(0, fours, 4):
            a, b, c, d = features[f], features[f + 1], features[f + 2], features[f + 3]
            for k in range(voxels):
                row[k] += w[f] * a[k] + w[f + 1] * b[k] + w[f + 2] * c[k] + w[f + 3] * d[k]
        for f in range(fours, count):
            last = features[f]
            for k in range(voxels):
                row[k] += w[f] * last[k]


@kernel
def _write_pairs(x, first, deep, label_pairs, confidence_pairs, labels, confidence):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Put the pairs of `_decide_row`, of `deep` columns from (x, first) on, in their places; see `decide_voxels`."""
    height = labels.shape[2]
    for pair in range(4):
        fine_x = 2 * x + pair // 2
        for y in range(deep):
            fine_y = 2 * (first + y) + pair % 2
            for z in range(height):
                labels[fine_x, fine_y, z] = label_pairs[pair, y * height + z]
                confidence[fine_x, fine_y, z] = confidence_pairs[pair, y * height + z]


@fused_kernel
def decide_voxels(begin, end, features, weight, bias, labels, confidence):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the label of each fine voxel and its probability times 255; equal logits go to the smaller class.

    Args:
        begin, end: range of X that is written.
        features: (F, X, Y Z) float32, or int16: see `core.bfloat16`.
        weight, bias: (C + 8, F) and (C + 8, 1) float32; the rows of logits, which are to base 2, are classes, and then
            children as in `to_children`.
        labels, confidence: (2X, 2Y, Z) uint16 to write: two neighbours along z, the lower one in the lower byte.
    """
    count, _, voxels = features.shape
    outputs, height = len(weight), labels.shape[2]
    classes = outputs - 8
    seen, row = np.empty((count, voxels), np.float32), np.empty((outputs, voxels), np.float32)
    best, total, label = np.empty(voxels, np.float32), np.empty(voxels, np.float32), np.empty(voxels, np.int32)
    label_pairs, confidence_pairs = np.empty((4, voxels), np.uint16), np.empty((4, voxels), np.uint16)
    for x in range(begin, end):
        _copy(features, x, seen)
        _classify(seen, weight, bias, row)
        _decide_row(row[:classes], row[classes:], best, total, label, label_pairs, confidence_pairs)
        _write_pairs(x, 0, voxels // height, label_pairs, confidence_pairs, labels, confidence)


@fused_kernel
def decide_columns(begin, end, features, weight, bias, labels, confidence):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """As `decide_voxels`, of features (X, Y, Z, F)."""
    _, deep, height, count = features.shape
    block = min(BLOCK, deep)
    outputs, voxels = len(weight), block * height
    classes = outputs - 8
    seen, row = np.empty((count, voxels), np.float32), np.empty((outputs, voxels), np.float32)
    best, total, label = np.empty(voxels, np.float32), np.empty(voxels, np.float32), np.empty(voxels, np.int32)
    label_pairs, confidence_pairs = np.empty((4, voxels), np.uint16), np.empty((4, voxels), np.uint16)
    for x in range(begin, end):
        for start in range(0, deep, block):
            first = min(start, deep - block)  # the last block may decide some columns again
            for y in range(block):
                column = features[x, first + y]
                for f in range(count):  # not innermost: a row of `seen` is written in whole lines of the cache
                    for z in range(height):
                        seen[f, y * height + z] = number(column[z, f])
            _classify(seen, weight, bias, row)
            _decide_row(row[:classes], row[classes:], best, total, label, label_pairs, confidence_pairs)
            _write_pairs(x, first, block, label_pairs, confidence_pairs, labels, confidence)
