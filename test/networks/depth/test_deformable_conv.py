"""Deformable convolution against a plain one and a pixelwise reference."""

from __future__ import annotations

import itertools

import torch
from torch.nn import functional

from ssc_ros.networks.depth.deformable_conv import DeformableConv2d, sample_taps


def test_taps_at_rest_make_a_plain_convolution() -> None:
    torch.manual_seed(0)
    deformable = DeformableConv2d(8, groups=4)
    x = torch.randn(2, 8, 5, 7)
    plain = functional.conv2d(x, deformable.weight, padding=1, groups=4)
    torch.testing.assert_close(deformable(x), plain, atol=1e-5, rtol=1e-5)


def test_displaced_taps_equal_a_pixelwise_reference() -> None:
    torch.manual_seed(0)
    x, offsets = torch.randn(2, 3, 4, 5), 2 * torch.randn(2, 18, 4, 5)
    expected = torch.zeros(2, 3, 9, 4, 5)
    for b, tap, row, column in itertools.product(range(2), range(9), range(4), range(5)):
        y = row + tap // 3 - 1 + offsets[b, 2 * tap, row, column].item()
        z = column + tap % 3 - 1 + offsets[b, 2 * tap + 1, row, column].item()
        for i, j in itertools.product(range(4), range(5)):
            weight = max(0, 1 - abs(y - i)) * max(0, 1 - abs(z - j))
            expected[b, :, tap, row, column] += weight * x[b, :, i, j]
    torch.testing.assert_close(sample_taps(x, offsets, 3), expected, atol=1e-5, rtol=1e-5)
