"""The page about the node tells of words that the node really says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ssc_ros.messages.drops import Drop

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "node.md").read_text()
ROWS = re.findall(r"^\| `([^`]+)`( \(drops\))? \|", PAGE.partition("## Troubleshooting")[2], re.MULTILINE)


@pytest.fixture(scope="module")
def source() -> str:
    """All code, with literals that Python joins joined."""
    text = "\n".join(path.read_text() for path in sorted((REPOSITORY / "ssc_ros").rglob("*.py")))
    return re.sub(r'"\s*\n\s*f?"', "", text)


def test_the_page_has_a_row_for_each_kind_of_trouble() -> None:
    assert len(ROWS) > 20


@pytest.mark.parametrize(("words", "drop"), ROWS)
def test_words_of_the_troubleshooting_table_are_in_the_code(words: str, drop: str, source: str) -> None:
    if drop:
        assert words in {reason.value for reason in Drop}
        return
    for part in re.split(r"\.\.\.|\bN\b|\b1\.0\b", words):
        assert part.strip(" ,)") in source, part
