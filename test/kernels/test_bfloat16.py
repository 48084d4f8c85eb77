"""The bits of bfloat16 that compiled loops read and write are torch's."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ssc_ros.kernels.bfloat16 import round_for, to_float32
from ssc_ros.kernels.compiled import kernel


@kernel
def written(numbers: NDArray[np.float32], row: NDArray[np.int16]) -> None:
    for i in range(len(row)):
        row[i] = round_for(numbers[i], row)


@kernel
def read(row: NDArray[np.int16], numbers: NDArray[np.float32]) -> None:
    for i in range(len(row)):
        numbers[i] = to_float32(row[i])


@settings(deadline=None)  # the first example compiles
@given(st.lists(st.floats(width=32, allow_nan=False, min_value=-(2.0**120), max_value=2.0**120), max_size=40))
def test_the_nearest_is_stored_and_read_again(values: list[float]) -> None:
    numbers = np.array(values, np.float32)
    expected = torch.from_numpy(numbers).bfloat16()
    bits = np.empty(len(numbers), np.int16)
    written(numbers, bits)
    assert torch.equal(torch.from_numpy(bits).view(torch.bfloat16), expected)
    again = np.empty_like(numbers)
    read(bits, again)
    assert torch.equal(torch.from_numpy(again), expected.float())
    same = np.empty_like(numbers)
    written(numbers, same)
    np.testing.assert_array_equal(same, numbers)
    read(same, again)
    np.testing.assert_array_equal(again, numbers)
