"""Class maps in messages: the ids come out as they went in, or the message is refused with a reason."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ssc_ros.messages.class_maps import ID_BYTES, read_id_map
from ssc_ros.messages.drops import Drop, UnusableInput

IDS = np.array([[0, 1, 200], [255, 7, 18]])
SIZE = (20, 30)


def map_message(encoding: str, padding: int = 0, big_endian: bool = False, ids: np.ndarray = IDS) -> Any:
    kind = {1: "u1", 2: ">u2" if big_endian else "<u2"}[ID_BYTES.get(encoding, 1)]
    rows = [row.astype(kind).tobytes() + bytes(padding) for row in ids]
    height, width = ids.shape
    return SimpleNamespace(
        encoding=encoding,
        height=height,
        width=width,
        step=len(rows[0]),
        is_bigendian=big_endian,
        data=b"".join(rows),
    )


@pytest.mark.parametrize("encoding", ID_BYTES)
@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("big_endian", [False, True])
def test_ids_come_out_as_they_went_in(encoding: str, padding: int, big_endian: bool) -> None:
    ids = IDS * (1 if ID_BYTES[encoding] == 1 else 257)
    found = read_id_map(map_message(encoding, padding, big_endian, ids), SIZE)
    np.testing.assert_array_equal(found, ids)


def test_a_map_of_another_resolution_has_the_shape_of_its_image_up_to_rounding() -> None:
    for height, width in ((376, 1241), (188, 621), (128, 422), (96, 317)):
        assert read_id_map(map_message("mono8", ids=np.zeros((height, width), int)), (376, 1241)).shape == (
            height,
            width,
        )


def cut(message: Any) -> Any:
    message.data = message.data[:-1]
    return message


@pytest.mark.parametrize(
    ("message", "reason", "words"),
    [
        (map_message("rgb8"), Drop.MAP_ENCODING, "'rgb8', expected ids in mono8, 8UC1, mono16, 16UC1"),
        (map_message("mono8", ids=np.zeros((4, 4), int)), Drop.MAP_SIZE, "4 rows x 4 columns"),
        (map_message("mono8", ids=np.zeros((0, 1), int).reshape(1, 0)), Drop.MAP_SIZE, "1 rows x 0 columns"),
        (cut(map_message("mono16")), Drop.MAP_SIZE, "too small"),
    ],
    ids=["colours", "another shape", "empty", "cut"],
)
def test_what_is_no_map_of_the_image_is_refused(message: Any, reason: Drop, words: str) -> None:
    with pytest.raises(UnusableInput) as refused:
        read_id_map(message, SIZE)
    assert refused.value.reason is reason
    assert words in str(refused.value)
    assert not reason.costs_a_frame
