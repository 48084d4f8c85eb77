"""Class maps of messages as arrays of ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.images import Size, pixel_rows, size_of_image

ID_BYTES = {"mono8": 1, "8UC1": 1, "mono16": 2, "16UC1": 2}
"""Encodings of a sensor_msgs/Image that holds ids, and the bytes of an id."""


def read_id_map(message: Any, size: Size) -> NDArray[np.integer]:
    """Ids (h, w) of 8 or 16 bits of a sensor_msgs/Image, in the map's own resolution.

    Args:
        message: the class map.
        size: of the image that it belongs to; the map has the same shape, larger or smaller.

    Raises:
        UnusableInput: an encoding that holds no ids, another shape, or less data than the message's own sizes ask for.
    """
    depth = ID_BYTES.get(message.encoding)
    if depth is None:
        raise UnusableInput(
            Drop.MAP_ENCODING,
            f"class map of encoding '{message.encoding}', expected ids in {', '.join(ID_BYTES)}; publish the ids and "
            "not their colours",
        )
    height, width = size_of_image(message)
    if min(height, width) < 1 or abs(width * size[0] - height * size[1]) > max(size):
        raise UnusableInput(
            Drop.MAP_SIZE,
            f"class map of {height} rows x {width} columns does not have the shape of the left image, {size[0]} x "
            f"{size[1]}; publish it for the whole rectified image, in any resolution",
        )
    try:
        rows = pixel_rows(message, width * depth, height)
    except UnusableInput as error:
        raise UnusableInput(Drop.MAP_SIZE, f"class map: {error}") from error
    if depth == 1:
        return rows
    return np.ascontiguousarray(rows).view(">u2" if message.is_bigendian else "<u2").astype(np.uint16)
