"""What scripts write into pages of docs/: the parts between markers, and tables as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ssc_ros.core import markdown


def write_part(page: Path, name: str, lines: Iterable[str]) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- end of NAME -->`; the rest of the page stays."""
    before, _, after = _around(page, name)
    page.write_text("\n".join([before, *lines, after]))


def rows_of(page: Path, name: str) -> dict[str, list[str]]:
    """Rows of the tables in a part, by their first cells."""
    lines = _around(page, name)[1].splitlines()
    found = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| "))
    return {row[0]: row for row in found}


def sections_of(page: Path, name: str) -> dict[str, list[str]]:
    """Lines of the sections in a part, headings included, by their headings of third order."""
    _, *sections = f"\n{_around(page, name)[1]}".split("\n### ")
    lines = (f"### {section}".rstrip("\n").splitlines() for section in sections)
    return {heading.removeprefix("### "): [heading, *rest, ""] for heading, *rest in lines}


def _around(page: Path, name: str) -> tuple[str, str, str]:
    """What stands before a part, with its marker; in it; and behind it, with its marker."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = page.read_text()
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"{page} has no place for '{name}': write {begin} and {end} into it, once each")
    before, rest = text.split(begin)
    part, after = rest.split(end)
    return before + begin, part.strip("\n"), end + after


def rows(header: Sequence[str], content: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table; all columns but the first are of numbers."""
    indented = ([_indented(cell) for cell in row] for row in (header, *content))
    yield from markdown.table(next(indented), indented, [markdown.LEFT, *[markdown.RIGHT] * (len(header) - 1)])


def as_markdown(table: Table) -> Iterator[str]:
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


def _indented(cell: str) -> str:
    """Blanks in front, which Markdown would drop, as wide ones."""
    bare = cell.lstrip(" ")
    return "&emsp;" * ((len(cell) - len(bare)) // 2) + bare
