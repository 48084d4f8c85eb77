"""Images of messages as numpy arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.messages.drops import Drop, UnusableInput

_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}
_TO_RGB = {
    "bgr8": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
}


def read_image(message: Any) -> NDArray[np.uint8]:
    """RGB (H, W, 3) uint8 of a sensor_msgs/Image; shares the message's memory where nothing needs converting.

    Raises:
        UnusableInput: an unknown encoding, or less data than the message's own sizes ask for.
    """
    channels = _CHANNELS.get(message.encoding)
    if channels is None:
        raise UnusableInput(
            Drop.ENCODING,
            f"image encoding '{message.encoding}' is not one of {', '.join(_CHANNELS)}; "
            "let image_proc debayer or convert the images",
        )
    height, width, step = int(message.height), int(message.width), int(message.step)
    data = np.frombuffer(message.data, np.uint8)
    if min(height, width) < 1 or step < width * channels or data.size < height * step:
        raise UnusableInput(
            Drop.IMAGE,
            f"image of {data.size} bytes is too small for {width} x {height} '{message.encoding}' in rows of {step} "
            "bytes; the driver or the network cut it short",
        )
    rows = data[: height * step].reshape(height, step)[:, : width * channels]
    image = rows.reshape(height, width, channels)
    return image if message.encoding == "rgb8" else np.asarray(cv2.cvtColor(image, _TO_RGB[message.encoding]), np.uint8)


def read_compressed_image(message: Any) -> NDArray[np.uint8]:
    """RGB (H, W, 3) uint8 of a sensor_msgs/CompressedImage (JPEG, PNG and what else OpenCV reads).

    Raises:
        UnusableInput: it cannot be decoded.
    """
    data = np.frombuffer(message.data, np.uint8)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(data, flags) if data.size else None
    if image is None:
        raise UnusableInput(
            Drop.ENCODING,
            f"compressed image of format '{message.format}', {data.size} bytes, is not decodable; publish jpeg or png",
        )
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


IMAGE_READERS: dict[str, Callable[[Any], NDArray[np.uint8]]] = {
    "raw": read_image,
    "compressed": read_compressed_image,
}
"""Reader for each value of the parameter `image_transport`."""
