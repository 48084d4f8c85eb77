"""The parameter table: what it accepts."""

from __future__ import annotations

import pytest

from ssc_ros.assembly.settings import TABLE, Settings
from ssc_ros.core import SscError
from ssc_ros.messages.codec import Encoding


def test_every_encoding_can_be_chosen() -> None:
    assert TABLE["grid.encoding"].rule.choices == tuple(encoding.name.lower() for encoding in Encoding)


def test_values_reach_the_settings() -> None:
    settings = Settings.from_values({"sync.slop": 0.02, "device": "cuda:1", "bev.free_classes": ["road"]})
    assert settings.sync.slop == 0.02
    assert settings.device == "cuda:1"
    assert settings.bev.free_classes == ("road",)
    assert settings.sync.queue_size == Settings().sync.queue_size


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sync.slop", 1, "write 1.0"),
        ("sync.slop", -0.1, "0 to 1"),
        ("sync.slop", float("nan"), "finite"),
        ("sync.queue_size", 0, "1 to 1000"),
        ("sync.queue_size", True, "expected integer"),
        ("device", "cuda:", "cuda:N"),
        ("device", "tpu", "auto"),
        ("image_transport", "theora", "raw, compressed"),
        ("camera.extrinsics", [1.0, 2.0, 3.0], "seven"),
        ("camera.extrinsics", [0.0] * 7, "length 0"),
        ("camera.extrinsics", [0.0, 0.0, float("inf"), 0.0, 0.0, 0.0, 1.0], "finite"),
        ("camera.extrinsics", "0 0 0", "double_array"),
        ("bev.free_classes", "road", "string_array"),
        ("sync.slopp", 0.1, "unknown"),
        ("bev.min_height", 3.0, "below"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(name: str, value: object, words: str) -> None:
    with pytest.raises(SscError, match=words) as refused:
        Settings.from_values({name: value})
    assert name in str(refused.value)
