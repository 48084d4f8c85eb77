"""Every encoding that drivers send, against OpenCV's forward conversions and against arithmetic by hand."""

from __future__ import annotations

import io
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.images import ENCODINGS, read_compressed_image, read_image, size_of_compressed_image

HEIGHT, WIDTH = 24, 32

CV_BRIDGE_BAYER = {
    "bayer_rggb": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg": cv2.COLOR_BayerGB2RGB,
}
"""ROS's name of a pattern -> OpenCV's code, as in the table of cv_bridge (src/cv_bridge.cpp, getConversionCode)."""


def smooth(seed: int = 0) -> NDArray[np.uint8]:
    """A colour image without edges, so that subsampled chroma and interpolation change little."""
    coarse = np.random.default_rng(seed).integers(30, 220, (3, 4, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def message(
    encoding: str, rows: NDArray[np.generic], height: int = HEIGHT, width: int = WIDTH, padding: int = 0
) -> SimpleNamespace:
    flat = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
    padded = np.pad(flat, ((0, 0), (0, padding)), constant_values=99)
    return SimpleNamespace(
        encoding=encoding, height=height, width=width, step=padded.shape[1], data=padded.tobytes(), is_bigendian=0
    )


def mosaic(rgb: NDArray[np.uint8], pattern: str) -> NDArray[np.uint8]:
    """What a sensor under a colour filter sees; the pattern names the four pixels row by row."""
    seen = np.empty(rgb.shape[:2], np.uint8)
    for place, colour in enumerate(pattern.removeprefix("bayer_")):
        at = slice(place // 2, None, 2), slice(place % 2, None, 2)
        seen[at] = rgb[..., "rgb".index(colour)][at]
    return seen


@pytest.mark.parametrize("pattern", CV_BRIDGE_BAYER)
@pytest.mark.parametrize("depth", [8, 16])
def test_a_colour_filter_is_undone(pattern: str, depth: int) -> None:
    rgb = smooth()
    seen = mosaic(rgb, pattern)
    rows = seen if depth == 8 else seen.astype("<u2") * 257
    read = read_image(message(f"{pattern}{depth}", rows, padding=3 * depth // 8))
    inner = slice(2, -2)
    assert np.abs(read[inner, inner].astype(int) - rgb[inner, inner]).mean() < 4
    np.testing.assert_array_equal(read, cv2.cvtColor(seen, CV_BRIDGE_BAYER[pattern]))


@pytest.mark.parametrize(
    ("encoding", "order"),
    [("rgb16", [0, 1, 2]), ("bgr16", [2, 1, 0]), ("16UC3", [2, 1, 0]), ("8UC3", [2, 1, 0])],
)
def test_orders_of_colours(encoding: str, order: list[int]) -> None:
    rgb = smooth()
    rows = rgb[..., order] if encoding == "8UC3" else rgb[..., order].astype("<u2") * 257
    np.testing.assert_array_equal(read_image(message(encoding, rows, padding=6)), rgb)


@pytest.mark.parametrize(("encoding", "order"), [("8UC4", [2, 1, 0, 3]), ("rgba16", [0, 1, 2, 3])])
def test_alpha_is_left_out(encoding: str, order: list[int]) -> None:
    rgba = np.dstack([smooth(), np.full((HEIGHT, WIDTH), 7, np.uint8)])[..., order]
    rows = rgba if encoding == "8UC4" else rgba.astype("<u2") * 257
    np.testing.assert_array_equal(read_image(message(encoding, rows)), smooth())


@pytest.mark.parametrize("encoding", ["mono16", "16UC1"])
@pytest.mark.parametrize("big", [0, 1])
def test_sixteen_bits_of_either_byte_order_are_scaled_as_cv_bridge_does(encoding: str, big: int) -> None:
    values = np.linspace(0, 65535, HEIGHT * WIDTH).astype(">u2" if big else "<u2").reshape(HEIGHT, WIDTH)
    sent = message(encoding, values)
    sent.is_bigendian = big
    expected = np.rint(values.astype(np.float64) * 255 / 65535).astype(np.uint8)
    assert np.abs(read_image(sent)[..., 0].astype(int) - expected).max() <= 1  # of a half
    assert np.ptp(read_image(sent), axis=2).max() == 0


def yuv(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Studio-swing BT.601 by hand: Y 16..235, U and V 16..240."""
    r, g, b = (rgb[..., i].astype(float) for i in range(3))
    y = 16 + 0.257 * r + 0.504 * g + 0.098 * b
    u = 128 - 0.148 * r - 0.291 * g + 0.439 * b
    v = 128 + 0.439 * r - 0.368 * g - 0.071 * b
    return np.rint(np.stack([y, u, v], axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21"])
def test_subsampled_chroma(encoding: str) -> None:
    rgb = smooth()
    y, u, v = np.moveaxis(yuv(rgb), -1, 0)
    if encoding.startswith("nv"):
        first, second = (u, v) if encoding == "nv12" else (v, u)
        chroma = np.stack([first[::2, ::2], second[::2, ::2]], axis=-1).reshape(HEIGHT // 2, WIDTH)
        rows = np.concatenate([y, chroma])
    else:
        chroma = np.stack([u[:, ::2], v[:, ::2]], axis=-1).reshape(HEIGHT, WIDTH)
        pair = (chroma, y) if encoding in ("yuv422", "uyvy") else (y, chroma)
        rows = np.stack(pair, axis=-1).reshape(HEIGHT, 2 * WIDTH)
    read = read_image(message(encoding, rows, padding=4))
    assert np.abs(read.astype(int) - rgb).mean() < 6  # swapped chroma: 40 and more


@pytest.mark.parametrize("encoding", ["nv12", "nv21", "yuyv", "uyvy"])
def test_odd_sizes_have_no_subsampled_chroma(encoding: str) -> None:
    rows = np.zeros((HEIGHT * 2, 2 * WIDTH), np.uint8)
    with pytest.raises(UnusableInput, match="must have") as refused:
        read_image(message(encoding, rows, width=WIDTH - 1))
    assert refused.value.reason is Drop.IMAGE


@given(
    st.sampled_from([*ENCODINGS, "32FC1", ""]),
    *[st.one_of(st.integers(0, 9), st.sampled_from([2**16, 2**31, 2**32 - 1]))] * 3,
    st.binary(max_size=200),
)
def test_an_image_is_read_only_if_all_of_it_is_there(
    encoding: str, height: int, width: int, step: int, data: bytes
) -> None:
    sent = SimpleNamespace(encoding=encoding, height=height, width=width, step=step, data=data, is_bigendian=0)
    refused = None
    try:
        read = read_image(sent)
    except UnusableInput as error:
        refused = error.reason
    if refused is None:
        assert read.shape == (height, width, 3)
        assert height * step <= len(data)
    else:
        assert refused in (Drop.ENCODING, Drop.IMAGE)


def png(height: int, width: int) -> bytes:
    """A small file that says how large it is, and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))


@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp"])
def test_the_size_of_a_compressed_image_is_known_before_it_is_decoded(extension: str) -> None:
    _, data = cv2.imencode(extension, smooth())
    sent = SimpleNamespace(format=extension, data=data.tobytes())
    assert size_of_compressed_image(sent) == (HEIGHT, WIDTH) == read_compressed_image(sent).shape[:2]


def test_a_header_that_claims_a_gigabyte_is_read_without_taking_it() -> None:
    assert size_of_compressed_image(SimpleNamespace(format="png", data=png(5_000, 5_000))) == (5_000, 5_000)
    for size, words in ((9_000, "9000 x 9000 pixels"), (30_000, "enormous")):
        with pytest.raises(UnusableInput, match=words) as refused:
            size_of_compressed_image(SimpleNamespace(format="png", data=png(size, size)))
        assert refused.value.reason is Drop.IMAGE_SIZE


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_rubbish_has_no_size(data: bytes) -> None:
    with pytest.raises(UnusableInput, match="jpeg or png") as refused:
        size_of_compressed_image(SimpleNamespace(format="jpeg", data=data))
    assert refused.value.reason is Drop.ENCODING


def test_a_truncated_jpeg_still_says_its_size() -> None:
    buffer = io.BytesIO(cv2.imencode(".jpg", smooth())[1].tobytes()[:-40])
    assert size_of_compressed_image(SimpleNamespace(format="jpeg", data=buffer.getvalue())) == (HEIGHT, WIDTH)
