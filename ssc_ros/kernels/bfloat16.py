"""Numbers in bfloat16 for compiled loops, which know them as int16: the upper half of a float32's bits."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

_i = np.int32


def number(stored):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """The float32 of a stored number: itself, or what the bits of a bfloat16 say. For compiled loops alone."""


@overload(number)
def _number(stored):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if isinstance(stored, types.Float):
        return lambda stored: stored
    return lambda stored: _i(_i(stored) << _i(16)).view(np.float32)


def stored(number, row):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """A float32 as a row of numbers holds it: itself, or the bits of the nearest bfloat16, of two as near the even.

    For compiled loops alone.
    """


@overload(stored)
def _stored(number, row):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if isinstance(row.dtype, types.Float):
        return lambda number, row: number

    def bfloat16(number, row):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        bits = np.float32(number).view(np.int32)
        return np.int16((bits + _i(0x7FFF) + ((bits >> _i(16)) & _i(1))) >> _i(16))

    return bfloat16
