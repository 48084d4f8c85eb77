"""Tables in Markdown, for reports, model cards and the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

LEFT, RIGHT = "---", "---:"
"""Alignment of a column: of text, of numbers."""
_ESCAPED = "|", "\\|"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], align: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a table.

    Args:
        header: a text for each column.
        rows: as `header`; bars in cells are escaped.
        align: `LEFT` or `RIGHT` for each column.
    """
    yield _row(header)
    yield f"|{'|'.join(align)}|"
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace(*_ESCAPED) for cell in cells)} |"
