"""Images whose sizes, steps and encodings say anything at all: they are read, or refused before memory is taken."""

from __future__ import annotations

import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssc_ros.kernels.memory import peak_memory
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.images import (
    ENCODINGS,
    IMAGE_READERS,
    MOST_PIXELS,
    MOST_SCANS,
    read_compressed_image,
    read_image,
)

SIZES = st.one_of(st.integers(0, 9), st.sampled_from([2**16, 2**31 - 1, 2**31, 2**32 - 1]))
BYTES = {"8": 1, "16": 2}


@settings(deadline=None)  # other programs may have the processor
@given(
    encoding=st.sampled_from(sorted(ENCODINGS)),
    height=SIZES,
    width=SIZES,
    step=st.one_of(st.integers(0, 99), SIZES),
    is_bigendian=st.booleans(),
    data=st.binary(max_size=400),
)
def test_an_image_is_read_only_if_every_row_lies_within_its_data(
    encoding: str, height: int, width: int, step: int, is_bigendian: bool, data: bytes
) -> None:
    message = SimpleNamespace(
        encoding=encoding, height=height, width=width, step=step, is_bigendian=is_bigendian, data=data
    )
    try:
        image = read_image(message)
    except UnusableInput as error:
        assert error.reason is Drop.IMAGE  # noqa: PT017
        return
    assert image.shape == (height, width, 3)
    assert height * width > 0
    assert step >= width
    assert height * step <= len(data)


@settings(deadline=None)  # other programs may have the processor
@given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    padding=st.integers(0, 5),
    behind=st.integers(0, 5),
    channels=st.sampled_from([1, 3, 4]),
)
def test_every_pixel_is_where_the_step_says(height: int, width: int, padding: int, behind: int, channels: int) -> None:
    step = width * channels + padding
    data = np.arange(height * step + behind, dtype=np.uint8)
    encoding = {1: "mono8", 3: "rgb8", 4: "rgba8"}[channels]
    image = read_image(SimpleNamespace(encoding=encoding, height=height, width=width, step=step, data=data.tobytes()))
    for row, column in np.ndindex(height, width):
        place = row * step + column * channels
        expected = data[place : place + 3] if channels > 1 else [data[place]] * 3
        np.testing.assert_array_equal(image[row, column], expected)


def png(width: int, height: int) -> bytes:
    """The header of a PNG of so many pixels, and a chunk of no data."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def compressed(data: bytes) -> SimpleNamespace:
    return SimpleNamespace(format="png", data=data)


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (1, MOST_PIXELS + 1), (5_793, 5_793)])
def test_a_header_that_claims_more_pixels_than_any_camera_has_takes_no_memory(width: int, height: int) -> None:
    before = peak_memory()
    for read in (read_compressed_image, IMAGE_READERS["compressed"].size, IMAGE_READERS["compressed"].read):
        with pytest.raises(UnusableInput) as refused:
            read(compressed(png(width, height)))
        assert refused.value.reason is Drop.IMAGE_SIZE
    assert peak_memory() - before < 20e6


def test_a_chunk_that_claims_more_than_the_file_takes_no_memory() -> None:
    """OpenCV has taken 3 GB for this PNG of some hundred bytes, which the campaign of benchmarks/fuzz.py has found."""
    whole = cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8))[1].tobytes()
    assert read_compressed_image(compressed(whole)).shape == (12, 16, 3)
    before = peak_memory()
    for name, size in ((b"IDAT", 3_070_231_127), (b"IDAT", len(whole)), (b"IEND", 2**31 - 1)):
        at = whole.index(name) - 4
        with pytest.raises(UnusableInput, match="publish jpeg or png"):
            read_compressed_image(compressed(whole[:at] + struct.pack(">I", size) + whole[at + 4 :]))
    assert peak_memory() - before < 20e6


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    """Ten bytes more, and the decoder goes over all pixels once more: 0.3 MB take minutes."""
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert read_compressed_image(compressed(data)).shape == picture.shape
    last = data.rindex(b"\xff\xda")
    endless = data[:last] + (MOST_SCANS + 1) * data[last:-2] + data[-2:]
    with pytest.raises(UnusableInput, match=f"scans; at most {MOST_SCANS}"):
        read_compressed_image(compressed(endless))


@pytest.mark.parametrize(("suffix", "known"), [("webp", True), ("bmp", False), ("tiff", False)])
def test_formats_that_no_camera_sends_reach_no_decoder(suffix: str, known: bool) -> None:
    message = compressed(cv2.imencode(f".{suffix}", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    if known:
        assert read_compressed_image(message).shape == (4, 4, 3)
    else:
        with pytest.raises(UnusableInput, match="publish jpeg or png"):
            read_compressed_image(message)
