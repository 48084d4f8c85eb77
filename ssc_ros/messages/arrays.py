"""Array fields of messages."""

from __future__ import annotations

import array

import numpy as np
from numpy.typing import NDArray


def byte_array(data: NDArray[np.generic], kind: str = "B") -> array.array[int]:
    """Return the value of an array field of bytes ("B") or signed bytes ("b").

    The one form that rclpy takes without a look at each element: 0.3 ms for 2 MiB, against 120 for an ndarray.
    """
    payload: array.array[int] = array.array(kind)
    payload.frombytes(np.ascontiguousarray(data).view(np.uint8).data)
    return payload
