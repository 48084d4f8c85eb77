"""Tables in Markdown."""

from __future__ import annotations

from ssc_ros.core.markdown import LEFT, RIGHT, table


def test_a_table_has_a_line_for_header_alignment_and_each_row() -> None:
    lines = list(table(("class", "IoU"), [("car", "90.00"), ("a|b", "-")], (LEFT, RIGHT)))
    assert lines == ["| class | IoU |", "|---|---:|", "| car | 90.00 |", "| a\\|b | - |"]
