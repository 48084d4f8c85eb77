"""The generated pages of the site name everything that they speak of. `make docs` checks links and anchors."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from ssc_ros.cli import command_parser
from ssc_ros.commands import COMMANDS, load

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(REPOSITORY / "tools" / "site")
    return importlib.import_module("site_pages")


def test_the_page_of_commands_has_every_option_of_every_command(pages: ModuleType) -> None:
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", pages.commands(), re.MULTILINE | re.DOTALL))
    assert sorted(sections) == sorted(COMMANDS)
    for name, section in sections.items():
        parser = argparse.ArgumentParser(add_help=False)
        load(name).add_arguments(parser)
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        assert len(rows) == len(parser._actions)
        assert [option for option in parser._option_string_actions if option not in "\n".join(rows)] == []


def test_the_page_of_messages_has_every_definition(pages: ModuleType) -> None:
    text = pages.messages(REPOSITORY)
    for folder in ("msg", "srv"):
        for path in (REPOSITORY / "ssc_ros_msgs" / folder).iterdir():
            assert path.read_text().rstrip() in text


def test_the_page_of_parameters_has_a_heading_for_each(pages: ModuleType) -> None:
    defaults = yaml.safe_load((REPOSITORY / "config" / "ssc_node.yaml").read_text())["/**"]["ros__parameters"]
    top = set(re.findall(r"^## `([a-z_]+)", pages.parameters(), re.MULTILINE))
    assert top == set(defaults)


def test_every_module_has_a_place_in_the_python_api(pages: ModuleType) -> None:
    listed = [name for package in pages.api_packages(REPOSITORY) for name in [pages.api(REPOSITORY, package)]]
    documented = set(re.findall(r"^::: (\S+)", "\n".join(listed), re.MULTILINE))
    modules = {
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for path in (REPOSITORY / "ssc_ros").rglob("*.py")
        if path.name != "__init__.py"
    }
    assert modules <= documented


def test_every_page_of_docs_is_in_the_navigation() -> None:
    text = (REPOSITORY / "mkdocs.yml").read_text()
    navigation = yaml.safe_load(text[text.index("\nnav:") :])
    found = set(re.findall(r"[\w/]+\.md", yaml.safe_dump(navigation)))
    assert {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} <= found


def test_the_tutorial_shows_the_code_that_a_test_trains() -> None:
    page = (DOCS / "tutorials" / "add_a_system.md").read_text()
    shown = re.findall(r'^--8<-- "(docs/examples/[\w.]+):?(\w*)"$', page, re.MULTILINE)
    assert [part for _, part in shown] == ["network", "presets", "command", ""]
    for name, part in shown:
        assert f"[start:{part}]" in (REPOSITORY / name).read_text() or not part


def tutorial_commands() -> list[list[str]]:
    """The words of each `ssc-ros` command in the tutorials, from the name of the command on."""
    pages = [path.read_text() for path in (DOCS / "tutorials").glob("*.md")]
    blocks = [block for page in pages for block in re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(found[1]) for line in lines if (found := re.match(r"(?:ssc-ros|python \S+\.py) (.+)", line))]


def test_every_command_of_the_tutorials_can_be_given() -> None:
    commands = tutorial_commands()
    assert len(commands) >= 15
    for name, *arguments in commands:
        _, unknown = command_parser(name).parse_known_args(arguments)
        assert not unknown or name in ("train", "node"), (name, unknown)
