"""The generated pages of the site: messages, commands, parameters, files of the repository and the Python API."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ssc_ros.assembly import settings_docs
from ssc_ros.assembly.settings import TABLE
from ssc_ros.cli import command_parser
from ssc_ros.commands import COMMANDS, load
from ssc_ros.core import markdown

CONFIGURATION = ("config/ssc_node.yaml", "config/rig.yaml", "config/fastdds.xml")
"""Files that have a page each, by their paths in the repository."""
_LANGUAGES = {".yaml": "yaml", ".xml": "xml"}


def messages(root: Path) -> str:
    """Return the page of the message and service definitions, which explain every field with its unit."""
    package = root / "ssc_ros_msgs"
    lines = ["# Messages and services", "", "The definitions as the package `ssc_ros_msgs` has them."]
    for path in sorted(package.glob("msg/*.msg")) + sorted(package.glob("srv/*.srv")):
        lines += ["", f"## {path.stem}", "", f"`ssc_ros_msgs/{path.parent.name}/{path.stem}`", ""]
        lines += ["```text", path.read_text(encoding="utf-8").rstrip(), "```"]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Return the page of all commands with their arguments, from their argument parsers."""
    lines = ["# Commands", "", "`ssc-ros COMMAND --help` says the same. `ros2 run ssc_ros COMMAND` runs the same."]
    for name in COMMANDS:
        lines += ["", *_command(name)]
    return "\n".join(lines) + "\n"


def _command(name: str) -> Iterator[str]:
    """Yield the lines of one command: its line of the overview, its description and a table of each group."""
    parser = command_parser(name)
    yield from (f"## {name}", "", f"{_sentence(load(name).HELP)}", "")
    yield from ("```text", (parser.description or "").strip(), "```")
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if "-h" not in action.option_strings]
        if not actions:
            continue
        yield from ("", f"**{_sentence(group.title or '')}**", "")
        rows = [(_spelling(action), _help(parser, action)) for action in actions]
        yield from markdown.table(("argument", "meaning"), rows, (markdown.LEFT, markdown.LEFT))


def _spelling(action: argparse.Action) -> str:
    """Return how an argument is written, such as `--out DIR`."""
    value = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else "")
    if not value and action.nargs != 0:
        value = action.dest.upper() if action.option_strings else action.dest
    words = value if isinstance(value, tuple) else (value,)
    text = " ".join(filter(None, [", ".join(action.option_strings), *words]))
    return f"`{text}`" + (" (required)" if action.required and action.option_strings else "")


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    values = {**vars(action), "prog": parser.prog}
    text = " ".join(((action.help or "") % values).split())
    return _escaped(text.replace(str(Path.home()), "~"))


def _escaped(text: str) -> str:
    """Return text that Markdown and HTML leave as it is, such as <name> and *."""
    return re.sub(r"([<*_\[\]])", r"\\\1", text)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def parameters() -> str:
    """Return the page of the node's parameters, from the table that the node declares them from."""
    introduction = (
        "The parameters of `ssc_node`, in the order of the [default file](../repository/config/ssc_node.yaml.md). "
        "[Node](../node.md#parameters) explains how to set them."
    )
    lines = ["# Parameters", "", introduction]
    for name, kind, default, allowed, applies, meaning in map(settings_docs.cells, TABLE.values()):
        facts = (
            f"*{kind}, default {default}" + (f", allowed: {allowed}" if allowed else "") + f"; takes effect {applies}*"
        )
        lines += ["", f"## {name}", "", meaning, "", facts]
    return "\n".join(lines) + "\n"


def listing(root: Path, path: str) -> str:
    """Return the page that shows a file of the repository."""
    text = (root / path).read_text(encoding="utf-8").rstrip()
    return f"# {path}\n\n```{_LANGUAGES[Path(path).suffix]}\n{text}\n```\n"


def cards(root: Path) -> list[str]:
    """Return the paths of the model cards in the repository."""
    return sorted(str(path.relative_to(root)) for path in root.glob("models/*.md"))


def card(root: Path, path: str) -> str:
    """Return the page of a model card, which is the card itself."""
    return (root / path).read_text(encoding="utf-8")


def pictures(root: Path) -> list[str]:
    """Return the paths of the pictures that model cards show."""
    return sorted(str(path.relative_to(root)) for path in root.glob("models/*.png"))


def api_packages(root: Path) -> Mapping[str, list[str]]:
    """Return every package of ssc_ros with the modules that lie directly in it, by dotted names."""
    found: dict[str, list[str]] = {}
    for path in sorted(root.glob("ssc_ros/**/*.py")):
        *package, module = path.relative_to(root).with_suffix("").parts
        modules = found.setdefault(".".join(package), [])
        if module != "__init__":
            modules.append(".".join([*package, module]))
    return {name: modules for name, modules in sorted(found.items()) if modules}


def api_page(package: str) -> str:
    """Return the path of a package's page in the site."""
    return f"reference/python/{package}.md"


def api(root: Path, package: str) -> str:
    """Return the page of a package: each module's docstrings, which mkdocstrings renders."""
    lines = [f"# {package}", "", f"::: {package}", "    options: {members: false, show_root_heading: false}"]
    for module in api_packages(root)[package]:
        lines += ["", f"::: {module}"]
    return "\n".join(lines) + "\n"
