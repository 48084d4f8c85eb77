"""The files written from the parameter table are those in the repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ssc_ros.assembly.settings import TABLE, Settings
from ssc_ros.assembly.settings_docs import DOCS_FILE, YAML_FILE, with_table, yaml_text

REPOSITORY = Path(__file__).resolve().parents[2]
REMEDY = "run `python -m ssc_ros.assembly.settings_docs`"


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def test_the_committed_parameter_file_is_the_generated_one() -> None:
    assert (REPOSITORY / YAML_FILE).read_text() == yaml_text(), REMEDY


def test_the_committed_documentation_has_the_generated_table() -> None:
    page = (REPOSITORY / DOCS_FILE).read_text()
    assert page == with_table(page), REMEDY
    assert all(f"`{name}`" in page for name in TABLE)


def test_the_parameter_file_holds_every_default() -> None:
    (node,) = yaml.safe_load(yaml_text()).values()
    values = dict(flat(node["ros__parameters"]))
    assert list(values) == list(TABLE)
    assert Settings.from_values(values) == Settings()
