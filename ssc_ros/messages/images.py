"""Images of messages as numpy arrays."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ssc_ros.messages.drops import Drop, UnusableInput

Size = tuple[int, int]
"""Rows and columns."""

MOST_PIXELS = 1 << 25
"""Pixels of an image: those of a camera of 8K. Some bytes of a compressed image may claim any number."""

MOST_SCANS = 64
"""Passes over the pixels of a JPEG; an encoder makes up to ten. Each may have ten bytes, and takes as long as any."""

_FORMATS = ("JPEG", "PNG", "WEBP")
"""Compressed formats. Each other one would be one more decoder that a hostile message can reach."""


@dataclass(frozen=True)
class Encoding:
    """How the pixels of an encoding lie in memory.

    Attributes:
        channels: values in a row for each pixel.
        to_rgb: OpenCV's conversion code; None for RGB itself.
        depth: bytes of a value, 1 or 2.
        half_chroma: whether half as many rows of chroma follow the rows of the image (4:2:0).
    """

    channels: int
    to_rgb: int | None
    depth: int = 1
    half_chroma: bool = False


_COLOURS = {
    "rgb": (3, None),
    "bgr": (3, cv2.COLOR_BGR2RGB),
    "rgba": (4, cv2.COLOR_RGBA2RGB),
    "bgra": (4, cv2.COLOR_BGRA2RGB),
    "mono": (1, cv2.COLOR_GRAY2RGB),
    # OpenCV names a pattern by its second row, from the second column on; ROS by its first row
    "bayer_rggb": (1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr": (1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg": (1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg": (1, cv2.COLOR_BayerGB2RGB),
}

ENCODINGS: dict[str, Encoding] = {
    **{f"{name}8": Encoding(*kind) for name, kind in _COLOURS.items()},
    **{f"{name}16": Encoding(*kind, depth=2) for name, kind in _COLOURS.items()},
    # OpenCV's own types name no colours; its convention is BGR
    "8UC1": Encoding(1, cv2.COLOR_GRAY2RGB),
    "8UC3": Encoding(3, cv2.COLOR_BGR2RGB),
    "8UC4": Encoding(4, cv2.COLOR_BGRA2RGB),
    "16UC1": Encoding(1, cv2.COLOR_GRAY2RGB, depth=2),
    "16UC3": Encoding(3, cv2.COLOR_BGR2RGB, depth=2),
    "16UC4": Encoding(4, cv2.COLOR_BGRA2RGB, depth=2),
    "yuv422": Encoding(2, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": Encoding(2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": Encoding(2, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": Encoding(2, cv2.COLOR_YUV2RGB_YUY2),
    "nv12": Encoding(1, cv2.COLOR_YUV2RGB_NV12, half_chroma=True),
    "nv21": Encoding(1, cv2.COLOR_YUV2RGB_NV21, half_chroma=True),
}
"""Encodings of sensor_msgs/Image that are read, by the names of sensor_msgs/image_encodings."""


def read_image(message: Any) -> NDArray[np.uint8]:
    """Return RGB (H, W, 3) uint8 of a sensor_msgs/Image.

    It shares the message's memory where nothing needs converting. Values of 16 bits are scaled by 255 / 65535, as
    cv_bridge does.

    Raises:
        UnusableInput: an unknown encoding, or less data than the message's own sizes ask for.
    """
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        raise UnusableInput(
            Drop.ENCODING,
            f"image encoding '{message.encoding}' is not one of {', '.join(ENCODINGS)}; let image_proc convert the "
            "images",
        )
    height, width = size_of_image(message)
    rows = height * 3 // 2 if encoding.half_chroma else height
    pixels = pixel_rows(message, width * encoding.channels * encoding.depth, rows)
    if encoding.half_chroma and (height % 2 or width % 2):
        raise UnusableInput(Drop.IMAGE, f"image of {width} x {height} '{message.encoding}' must have even sizes")
    if message.encoding.startswith(("yuv422", "uyvy", "yuyv")) and width % 2:
        raise UnusableInput(Drop.IMAGE, f"image of {width} x {height} '{message.encoding}' must have an even width")
    if encoding.depth == 2:
        pixels = _eight_bits(pixels, bool(message.is_bigendian))
    image = pixels.reshape(rows, width, encoding.channels)
    if encoding.to_rgb is None:
        return image
    try:
        return np.asarray(cv2.cvtColor(image, encoding.to_rgb), np.uint8)
    except cv2.error as error:  # such as one pixel under a Bayer filter
        text = f"image of {width} x {height} '{message.encoding}' cannot be converted to RGB: {error.err}"
        raise UnusableInput(Drop.IMAGE, text) from error


def pixel_rows(message: Any, row: int, rows: int) -> NDArray[np.uint8]:
    """Return the bytes (rows, row) of the pixels of a sensor_msgs/Image, without what pads its rows.

    Raises:
        UnusableInput: the image has no pixels, or less data than its own sizes ask for.
    """
    height, width, step = int(message.height), int(message.width), int(message.step)
    data = np.frombuffer(message.data, np.uint8)
    if min(height, width) < 1 or step < row or data.size < rows * step:
        raise UnusableInput(
            Drop.IMAGE,
            f"image of {data.size} bytes is too small for {width} x {height} '{message.encoding}' in rows of {step} "
            "bytes; the driver or the network cut it short",
        )
    return data[: rows * step].reshape(rows, step)[:, :row]


def read_compressed_image(message: Any) -> NDArray[np.uint8]:
    """Return RGB (H, W, 3) uint8 of a sensor_msgs/CompressedImage (JPEG, PNG or WebP).

    Raises:
        UnusableInput: it is too large, or cannot be decoded.
    """
    return IMAGE_READERS["compressed"].read(message)


def size_of_image(message: Any) -> Size:
    """Return the size that a sensor_msgs/Image says it has."""
    return int(message.height), int(message.width)


def size_of_compressed_image(message: Any) -> Size:
    """Return the size in the header of a sensor_msgs/CompressedImage, without decoding it.

    A third of a megabyte may say that it holds an image of a gigabyte.

    Raises:
        UnusableInput: it has no header that can be read, or claims more pixels or scans than any camera's has.
    """
    data = bytes(message.data)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise UnusableInput(Drop.IMAGE_SIZE, f"compressed image says that it is enormous: {error}") from error
    except Exception as error:  # each format has its own
        raise _undecodable(message) from error
    if not 0 < width * height <= MOST_PIXELS:
        text = f"compressed image says that it has {width} x {height} pixels; at most {MOST_PIXELS} are read"
        raise UnusableInput(Drop.IMAGE_SIZE, text)
    if image.format == "PNG" and not _holds_its_chunks(data):
        raise _undecodable(message)
    if (scans := data.count(_JPEG_SCAN)) > MOST_SCANS and image.format == "JPEG":
        raise UnusableInput(Drop.ENCODING, f"JPEG with {scans} scans; at most {MOST_SCANS} are read")
    return height, width


def _decode(message: Any) -> NDArray[np.uint8]:
    """RGB of a compressed image, whatever its header says."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(message.data, np.uint8), flags)
    except cv2.error:  # each decoder has its own
        image = None
    if image is None:
        raise _undecodable(message)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image), np.uint8)


class ImageReader(NamedTuple):
    """How the images of a transport are read.

    Attributes:
        size: of a message; its pixels are not looked at.
        decode: RGB (H, W, 3) uint8 of a message whose size has been looked at.
    """

    size: Callable[[Any], Size]
    decode: Callable[[Any], NDArray[np.uint8]]

    def read(self, message: Any) -> NDArray[np.uint8]:
        """Return RGB (H, W, 3) uint8 of a message.

        Raises:
            UnusableInput: see `read_image` and `read_compressed_image`.
        """
        self.size(message)
        return self.decode(message)


IMAGE_READERS = {
    "raw": ImageReader(size_of_image, read_image),
    "compressed": ImageReader(size_of_compressed_image, _decode),
}
"""Reader for each value of the parameter `image_transport`."""


def _holds_its_chunks(data: bytes) -> bool:
    """Whether every chunk of a PNG lies within its bytes; OpenCV takes memory for as many as a chunk says it has."""
    place, end, is_last = len(_PNG_SIGNATURE), len(data), False
    while place + 8 <= end and not is_last:
        is_last = data[place + 4 : place + 8] == b"IEND"
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    return place <= end


_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_JPEG_SCAN = b"\xff\xda"
"""Marker at which a scan begins; entropy-coded data have no such bytes."""


def _eight_bits(rows: NDArray[np.uint8], big_endian: bool) -> NDArray[np.uint8]:
    """(H, 2 N) bytes of 16-bit values as (H, N) values of 0..255."""
    values = np.ascontiguousarray(rows).view(">u2" if big_endian else "<u2")
    return np.asarray(cv2.convertScaleAbs(values.astype(np.uint16), alpha=255 / 65535), np.uint8)


def _undecodable(message: Any) -> UnusableInput:
    text = f"compressed image of format '{str(message.format)[:80]}', {len(message.data)} bytes, is not decodable"
    return UnusableInput(Drop.ENCODING, f"{text}; publish jpeg or png")
