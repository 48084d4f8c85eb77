"""The parameter table: what it accepts, and that the files written from it are those in the repository."""

from pathlib import Path

import pytest
import yaml

from ssc_ros.assembly.settings import TABLE, Settings
from ssc_ros.assembly.settings_docs import DOCS_FILE, YAML_FILE, with_table, yaml_text
from ssc_ros.core import SscError
from ssc_ros.messages.codec import Encoding

REPOSITORY = Path(__file__).resolve().parents[2]
REMEDY = "run `python -m ssc_ros.assembly.settings_docs`"


def flat(tree, prefix=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def test_the_committed_parameter_file_is_the_generated_one():
    assert (REPOSITORY / YAML_FILE).read_text() == yaml_text(), REMEDY


def test_the_committed_documentation_has_the_generated_table():
    page = (REPOSITORY / DOCS_FILE).read_text()
    assert page == with_table(page), REMEDY
    assert all(f"`{name}`" in page for name in TABLE)


def test_the_parameter_file_holds_every_default():
    (node,) = yaml.safe_load(yaml_text()).values()
    values = dict(flat(node["ros__parameters"]))
    assert list(values) == list(TABLE)
    assert Settings.from_values(values) == Settings()


def test_every_encoding_can_be_chosen():
    assert TABLE["grid.encoding"].rule.choices == tuple(encoding.name.lower() for encoding in Encoding)


def test_values_reach_the_settings():
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
def test_values_that_make_no_sense_are_refused_by_name(name, value, words):
    with pytest.raises(SscError, match=words) as refused:
        Settings.from_values({name: value})
    assert name in str(refused.value)
