"""bfloat16 for compiled loops. Numba has no such type: arrays hold its bits, the upper half of a float32, as int16."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

_i = np.int32


def to_float32(element: Any) -> Any:
    """Return an element of an array, float32 or the bits of a bfloat16 in int16, as float32. In compiled loops only."""
    raise NotImplementedError("only compiled loops may call this")


@overload(to_float32)
def _to_float32(element):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if isinstance(element, types.Float):
        return lambda element: element
    return lambda element: _i(_i(element) << _i(16)).view(np.float32)


def round_for(number: Any, array: Any) -> Any:
    """Return a float32 as an element of an array: unchanged for float32, rounded to nearest even for bfloat16 bits.

    In compiled loops only.
    """
    raise NotImplementedError("only compiled loops may call this")


@overload(round_for)
def _round_for(number, array):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if isinstance(array.dtype, types.Float):
        return lambda number, array: number

    def bfloat16(number, array):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        bits = np.float32(number).view(np.int32)
        return np.int16((bits + _i(0x7FFF) + ((bits >> _i(16)) & _i(1))) >> _i(16))

    return bfloat16
