"""What scripts write into pages of docs/: the parts between markers, and tables as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text


def write_part(page: Path, name: str, lines: Iterable[str]) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- end of NAME -->`; the rest of the page stays."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = page.read_text()
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"{page} has no place for '{name}': write {begin} and {end} into it, once each")
    before, rest = text.split(begin)
    _, after = rest.split(end)
    page.write_text("\n".join([before + begin, *lines, end + after]))


def rows(header: Sequence[str], content: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table; all columns but the first are of numbers."""
    yield _row(header)
    yield "|---|" + "---:|" * (len(header) - 1)
    yield from map(_row, content)


def markdown(table: Table) -> Iterator[str]:
    """A terminal's table: its title, rows and caption, with blank lines between."""
    yield from (f"**{_plain(table.title)}**", "")
    yield from _body(table)


def folded(table: Table) -> Iterator[str]:
    """The same below its title, which opens it."""
    yield from (f"<details><summary>{_plain(table.title)}</summary>", "")
    yield from _body(table)
    yield from ("</details>", "")


def _body(table: Table) -> Iterator[str]:
    columns = [[_plain(cell) for cell in column.cells] for column in table.columns]
    yield from rows([_plain(column.header) for column in table.columns], zip(*columns, strict=True))
    yield ""
    if table.caption:
        yield from (_plain(table.caption), "")


def _plain(text: object) -> str:
    """Without the terminal's markup, and without bars, which would end a cell."""
    return Text.from_markup(str(text)).plain.replace("|", "/")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_indented, cells))} |"


def _indented(cell: str) -> str:
    """Blanks in front, which Markdown would drop, as wide ones."""
    bare = cell.lstrip(" ")
    return "&emsp;" * ((len(cell) - len(bare)) // 2) + bare
