"""Labels and confidence of fine voxels from the features of coarse ones, in one pass on a CPU; torch needs a dozen.

A coarse voxel has eight children. Its logits are C classes and one offset of the empty class for each child.
"""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.bfloat16 import to_float32
from ssc_ros.kernels.compiled import fused_kernel, kernel

_f = np.float32
_i = np.int32

BLOCK = 8
"""Columns in a block: the logits of 128 voxels stay in the first-level cache."""


@fused_kernel
def _exp2(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 (numba infers scalars)
    """Return 2^x of a float32 x <= 0, without a branch, so that loops over it are vectorised.

    A whole power times the minimax polynomial on -0.5 .. 0.5: relative error 3e-6, enough for 255 levels of confidence.
    Below -126 it returns 1e-38.
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
    """Label a row of K voxels, short enough for the cache; innermost loops run along contiguous voxels.

    Args:
        semantic: (C, K) float32, and
        empty_offset: (8, K) float32: logits, contiguous, without which the loops would not be vectorised.
        best, label: (K,) to write, the largest logit of an occupied class, and the class.
        label_pairs: (4, K) uint16 to write: for each of the four (x, y) places of children, the labels of the lower
            child (low byte) and the upper child (high byte).
    """
    # the best occupied class
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

    # each child is empty where its own empty logit is not smaller
    empty = semantic[0]
    for pair in range(4):
        lower, upper, label_pair = empty_offset[2 * pair], empty_offset[2 * pair + 1], label_pairs[pair]
        for k in range(voxels):
            one = label[k] if empty[k] + lower[k] < best[k] else _i(0)
            two = label[k] if empty[k] + upper[k] < best[k] else _i(0)
            label_pair[k] = np.uint16(one | (two << _i(8)))


@fused_kernel
def _confidence_row(semantic, empty_offset, best, total, confidence_pairs):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the probabilities of a row's labels, a softmax over the classes, times 255.

    Args:
        semantic, empty_offset, best: of `_label_row`; logits to base 2.
        total: (K,) to work in.
        confidence_pairs: (4, K) uint16 to write, in the order of labels.
    """
    # the sum over the occupied classes, relative to the best of them
    classes, voxels = semantic.shape
    for k in range(voxels):
        total[k] = _f(0)
    for c in range(1, classes):
        row = semantic[c]
        for k in range(voxels):
            total[k] += _exp2(row[k] - best[k])

    # each child adds its own empty class; the larger of both is 1
    empty = semantic[0]
    for pair in range(4):
        lower, upper = empty_offset[2 * pair], empty_offset[2 * pair + 1]
        confidence_pair = confidence_pairs[pair]
        for k in range(voxels):
            first, second = empty[k] + lower[k] - best[k], empty[k] + upper[k] - best[k]
            near, far = _exp2(-abs(first)), _exp2(-abs(second))
            p = _f(255) / (near + total[k] if first < _f(0) else _f(1) + total[k] * near)
            q = _f(255) / (far + total[k] if second < _f(0) else _f(1) + total[k] * far)
            confidence_pair[k] = np.uint16(_i(p + _f(0.5)) | (_i(q + _f(0.5)) << _i(8)))


@kernel
def _copy(source, x, target):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Copy source[:, x], of (C, X, K), to target (C, K), in loops, which the compiler vectorises; slices are not."""
    channels, _, voxels = source.shape
    for c in range(channels):
        for k in range(voxels):
            target[c, k] = to_float32(source[c, x, k])


@kernel
def _write_pairs(x, first, deep, pairs, voxels):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the pairs of a row, `deep` columns from (x, first) on, to the fine voxels; see `decide_voxels`."""
    height = voxels.shape[2]
    for pair in range(4):
        fine_x = 2 * x + pair // 2
        for y in range(deep):
            fine_y = 2 * (first + y) + pair % 2
            for z in range(height):
                voxels[fine_x, fine_y, z] = pairs[pair, y * height + z]


@kernel
def _decide_row(x, first, deep, row, labels, confidence, best, total, label, pairs):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write labels and confidence of a row of logits (C + 8, K); the last four arguments are to work in."""
    classes = len(row) - 8
    semantic, empty_offset = row[:classes], row[classes:]
    _label_row(semantic, empty_offset, best, label, pairs)
    _write_pairs(x, first, deep, pairs, labels)
    if confidence is not None:
        _confidence_row(semantic, empty_offset, best, total, pairs)
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
    """Decide as `decide_voxels` does, from features (X, Y, Z, F)."""
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
                        seen[f, y * height + z] = to_float32(column[z, f])
            np.dot(weight, seen, row)
            _decide_row(x, first, block, row, labels, confidence, best, total, label, pairs)
