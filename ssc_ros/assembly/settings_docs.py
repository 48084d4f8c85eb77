"""The default parameter file and the table of the documentation, written from the parameter table.

`python -m ssc_ros.assembly.settings_docs` rewrites both in a checkout; a test asserts that the committed ones
are equal.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from ssc_ros.assembly.settings import TABLE
from ssc_ros.assembly.settings_rules import Parameter, Value
from ssc_ros.core import markdown

YAML_FILE = Path("config/ssc_node.yaml")
DOCS_FILE = Path("docs/node.md")
DOCS_START = "<!-- parameters: written by `python -m ssc_ros.assembly.settings_docs`, not by hand -->\n"
DOCS_END = "<!-- end of parameters -->\n"
APPLIES = {"start": "only at start", "configure": "at the next configure", "live": "at once"}


def yaml_text() -> str:
    """The commented parameter file with every default."""
    lines = [
        "# Every parameter of ssc_node with its default. Written by `python -m ssc_ros.assembly.settings_docs`.",
        "# Use: ssc-ros node --params-file FILE",
        "/**:",
        "  ros__parameters:",
    ]
    group = ""
    for row in TABLE.values():
        *path, name = row.name.split(".")
        if path and path[0] != group:
            group = path[0]
            lines += ["", f"    {group}:"]
        indent = " " * (4 + 2 * len(path))
        lines += [f"{indent}# {line}" for line in textwrap.wrap(_comment(row), 116 - len(indent))]
        lines += [f"{indent}{name}: {_yaml(row.default)}"]
    return "\n".join(lines) + "\n"


def markdown_table() -> str:
    """The parameter table of the documentation."""
    header = ("parameter", "type", "default", "allowed", "takes effect", "meaning")
    rows = map(cells, TABLE.values())
    return "\n".join(markdown.table(header, rows, [markdown.LEFT] * len(header))) + "\n"


def cells(row: Parameter) -> tuple[str, str, str, str, str, str]:
    """Return a parameter's name, type, default, allowed values, when it takes effect, and its meaning, in Markdown."""
    default, applies = f"`{_yaml(row.default)}`", APPLIES[row.rule.applies]
    return f"`{row.name}`", row.kind, default, _allowed(row), applies, row.rule.text


def with_table(page: str) -> str:
    """A documentation page with its parameter table renewed."""
    before, _, rest = page.partition(DOCS_START)
    _, _, after = rest.partition(DOCS_END)
    return f"{before}{DOCS_START}\n{markdown_table()}\n{DOCS_END}{after}"


def _allowed(row: Parameter) -> str:
    return f"{row.rule.constraint} {row.rule.unit}".strip()


def _comment(row: Parameter) -> str:
    allowed = _allowed(row)
    return f"{row.rule.text} Takes effect {APPLIES[row.rule.applies]}." + (f" Allowed: {allowed}." if allowed else "")


def _yaml(value: Value) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def main() -> None:
    """Rewrite both files, in the checkout that the code is in."""
    root = Path(__file__).resolve().parents[2]
    (root / YAML_FILE).write_text(yaml_text(), encoding="utf-8")
    page = root / DOCS_FILE
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
