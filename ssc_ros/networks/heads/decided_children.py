"""The labels of `SubvoxelFeatures` in one pass over the features, for CPUs: torch needs a dozen."""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.bfloat16 import number
from ssc_ros.kernels.compiled import fused_kernel, kernel

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
def _label_row(semantic, empty_offset, best, label, label_pairs):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Label a row of K voxels, which is short enough for the cache; innermost loops run along contiguous voxels.

    Args:
        semantic: (C, K) float32, and
        empty_offset: (8, K) float32: logits, contiguous, without which the loops would not be vectorised.
        best, label: (K,) to write, the largest logit of an occupied class, and the class.
        label_pairs: (4, K) uint16 to write, for the four children side by side two neighbours along z, the lower one in
            the lower byte.
    """
    classes, voxels = semantic.shape
    for k in range(voxels):
        best[k] = semantic[1, k]
        label[k] = 1
    for c in range(2, classes):
        row = semantic[c]
        for k in range(voxels):
            better = row[k] > best[k]
            best[k] = row[k] if better else best[k]
            label[k] = _i(c) if better else label[k]
    empty = semantic[0]
    for pair in range(4):
        lower, upper, label_pair = empty_offset[2 * pair], empty_offset[2 * pair + 1], label_pairs[pair]
        for k in range(voxels):
            one = label[k] if empty[k] + lower[k] < best[k] else _i(0)
            two = label[k] if empty[k] + upper[k] < best[k] else _i(0)
            label_pair[k] = np.uint16(one | (two << _i(8)))


@fused_kernel
def _weigh_row(semantic, empty_offset, best, total, confidence_pairs):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Say how probable the labels of a row are, with what `_label_row` has found.

    Args:
        semantic, empty_offset, best: as for `_label_row`; logits to base 2.
        total: (K,) to work in.
        confidence_pairs: (4, K) uint16 to write, in the order of labels.
    """
    classes, voxels = semantic.shape
    for k in range(voxels):
        total[k] = _f(0)
    for c in range(1, classes):
        row = semantic[c]
        for k in range(voxels):
            total[k] += _power_of_two(row[k] - best[k])  # relative to the best of the occupied classes
    empty = semantic[0]
    for pair in range(4):
        lower, upper = empty_offset[2 * pair], empty_offset[2 * pair + 1]
        confidence_pair = confidence_pairs[pair]
        for k in range(voxels):
            first, second = empty[k] + lower[k] - best[k], empty[k] + upper[k] - best[k]
            near, far = _power_of_two(-abs(first)), _power_of_two(-abs(second))
            p = _f(255) / (near + total[k] if first < _f(0) else _f(1) + total[k] * near)
            q = _f(255) / (far + total[k] if second < _f(0) else _f(1) + total[k] * far)
            confidence_pair[k] = np.uint16(_i(p + _f(0.5)) | (_i(q + _f(0.5)) << _i(8)))


@kernel
def _copy(source, x, target):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Target (C, K) = source[:, x], of (C, X, K), in the loops that the compiler vectorises; slices are not."""
    channels, _, voxels = source.shape
    for c in range(channels):
        for k in range(voxels):
            target[c, k] = number(source[c, x, k])


@kernel
def _write_pairs(x, first, deep, pairs, voxels):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Put the pairs of a row, of `deep` columns from (x, first) on, in their places; see `decide_voxels`."""
    height = voxels.shape[2]
    for pair in range(4):
        fine_x = 2 * x + pair // 2
        for y in range(deep):
            fine_y = 2 * (first + y) + pair % 2
            for z in range(height):
                voxels[fine_x, fine_y, z] = pairs[pair, y * height + z]


@kernel
def _decide_row(x, first, deep, row, labels, confidence, best, total, label, pairs):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Decide a row of logits (C + 8, K), and put what is found in its place; the last four are to work in."""
    classes = len(row) - 8
    semantic, empty_offset = row[:classes], row[classes:]
    _label_row(semantic, empty_offset, best, label, pairs)
    _write_pairs(x, first, deep, pairs, labels)
    if confidence is not None:
        _weigh_row(semantic, empty_offset, best, total, pairs)
        _write_pairs(x, first, deep, pairs, confidence)


@fused_kernel
def decide_voxels(begin, end, features, weight, labels, confidence):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the label of each fine voxel and its probability times 255; equal logits go to the smaller class.

    Args:
        begin, end: range of X that is written.
        features: (F, X, Y Z) float32, or int16: see `kernels.bfloat16`.
        weight: (C + 8, F + 1) float32, the last column is the bias; the rows of logits, which are to base 2, are
            classes, and then children as in `to_children`.
        labels, confidence: (2X, 2Y, Z) uint16 to write: two neighbours along z, the lower one in the lower byte.
            Confidence may be None; it takes a third of the time.
    """
    count, _, voxels = features.shape
    outputs, height = len(weight), labels.shape[2]
    seen, row = np.ones((count + 1, voxels), np.float32), np.empty((outputs, voxels), np.float32)
    best, total, label = np.empty(voxels, np.float32), np.empty(voxels, np.float32), np.empty(voxels, np.int32)
    pairs = np.empty((4, voxels), np.uint16)
    for x in range(begin, end):
        _copy(features, x, seen)
        np.dot(weight, seen, row)
        _decide_row(x, 0, voxels // height, row, labels, confidence, best, total, label, pairs)


@fused_kernel
def decide_columns(begin, end, features, weight, labels, confidence):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """As `decide_voxels`, of features (X, Y, Z, F)."""
    _, deep, height, count = features.shape
    block = min(BLOCK, deep)
    outputs, voxels = len(weight), block * height
    seen, row = np.ones((count + 1, voxels), np.float32), np.empty((outputs, voxels), np.float32)
    best, total, label = np.empty(voxels, np.float32), np.empty(voxels, np.float32), np.empty(voxels, np.int32)
    pairs = np.empty((4, voxels), np.uint16)
    for x in range(begin, end):
        for start in range(0, deep, block):
            first = min(start, deep - block)  # the last block may decide some columns again
            for y in range(block):
                column = features[x, first + y]
                for f in range(count):  # not innermost: a row of `seen` is written in whole lines of the cache
                    for z in range(height):
                        seen[f, y * height + z] = number(column[z, f])
            np.dot(weight, seen, row)
            _decide_row(x, first, block, row, labels, confidence, best, total, label, pairs)
