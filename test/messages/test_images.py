"""Images as numpy: every layout that a driver may send, and those that are refused."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.images import read_compressed_image, read_image

COLORS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]], [[1, 2, 3], [200, 100, 50]]], np.uint8)
ORDERS = {"rgb8": [0, 1, 2], "bgr8": [2, 1, 0], "rgba8": [0, 1, 2, 3], "bgra8": [2, 1, 0, 3]}


def image(encoding: str, pixels: NDArray[np.uint8], padding: int = 0) -> SimpleNamespace:
    rows = pixels.reshape(len(pixels), -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return SimpleNamespace(
        encoding=encoding, height=len(pixels), width=pixels.shape[1], step=padded.shape[1], data=padded.tobytes()
    )


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("encoding", ORDERS)
def test_colours_come_out_as_rgb_whatever_the_encoding_and_the_row_padding(encoding: str, padding: int) -> None:
    with_alpha = np.concatenate([COLORS, np.full((3, 2, 1), 9, np.uint8)], axis=2)
    np.testing.assert_array_equal(read_image(image(encoding, with_alpha[..., ORDERS[encoding]], padding)), COLORS)


def test_grey_is_repeated() -> None:
    grey = COLORS[..., 0]
    np.testing.assert_array_equal(read_image(image("mono8", grey, 3)), np.repeat(grey[..., None], 3, axis=2))


def test_rgb_shares_the_memory_of_the_message() -> None:
    message = image("rgb8", COLORS)
    assert np.shares_memory(read_image(message), np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"encoding": "32FC1"}, Drop.ENCODING),
        ({"encoding": ""}, Drop.ENCODING),
        ({"data": b"\0" * 17}, Drop.IMAGE),
        ({"step": 5}, Drop.IMAGE),
        ({"height": 0}, Drop.IMAGE),
        ({"height": 2**31, "width": 2**31, "step": 2**32 - 1}, Drop.IMAGE),
    ],
)
def test_images_that_do_not_hold_together_are_refused(change: dict[str, object], reason: Drop) -> None:
    message = SimpleNamespace(**{**vars(image("rgb8", COLORS)), **change})
    with pytest.raises(UnusableInput) as refused:
        read_image(message)
    assert refused.value.reason is reason


@pytest.mark.parametrize("format_", ["png", "jpeg"])
def test_compressed_images_come_out_as_rgb(format_: str) -> None:
    smooth = cv2.resize(COLORS, (64, 48), interpolation=cv2.INTER_LINEAR)
    _, data = cv2.imencode(f".{format_}", smooth[..., ::-1])
    decoded = read_compressed_image(SimpleNamespace(format=f"bgr8; {format_} compressed bgr8", data=data.tobytes()))
    assert decoded.shape == smooth.shape
    assert np.abs(decoded.astype(int) - smooth).mean() < 3


@pytest.mark.parametrize("data", [b"", b"no image"])
def test_compressed_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(UnusableInput, match="jpeg or png") as refused:
        read_compressed_image(SimpleNamespace(format="jpeg", data=data))
    assert refused.value.reason is Drop.ENCODING
