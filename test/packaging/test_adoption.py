"""Containers, workflow, issue forms and licences say what the pages, the requirements and the code say."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

from ssc_ros.assembly import parameter_files
from ssc_ros.commands import COMMANDS
from ssc_ros.systems import SYSTEMS

REPOSITORY = Path(__file__).resolve().parents[2]
CHOOSER = REPOSITORY / ".github/ISSUE_TEMPLATE/config.yml"
CHECKED_OUT = ("mkdir ", "cd ", "git clone ")
"""Steps of the page that put the checkout in its place; an image copies it there."""


def section(title: str) -> str:
    """A section of docs/installation.md."""
    page = (REPOSITORY / "docs/installation.md").read_text()
    return re.split(r"^## ", page.partition(f"## {title}")[2], maxsplit=1, flags=re.MULTILINE)[0]


def commands(text: str, blocks: int) -> list[str]:
    """Shell commands in the first blocks of a text, without comments, one by one."""
    found = []
    for block in re.findall(r"^```sh\n(.+?)^```", text, re.MULTILINE | re.DOTALL)[:blocks]:
        for line in block.splitlines():
            found += [command.strip() for command in line.partition(" #")[0].split("&&")]
    return [command for command in found if command and not command.startswith(CHECKED_OUT)]


def instructions(dockerfile: str, keyword: str) -> str:
    """What all instructions of a kind say, on one line."""
    text = re.sub(r"\\\n", " ", (REPOSITORY / dockerfile).read_text())
    lines = [line.removeprefix(keyword) for line in text.splitlines() if line.startswith(f"{keyword} ")]
    return re.sub(r" +", " ", " && ".join(lines))


def assert_in_order(steps: list[str], text: str) -> None:
    place = 0
    assert steps
    for step in steps:
        assert step in text[place:], f"'{step}' is missing, or comes too early"
        place = text.index(step, place)


def test_the_image_of_wheels_installs_as_the_page_says() -> None:
    assert_in_order(commands(section("With pip"), 1), instructions("docker/wheels.Dockerfile", "RUN"))


def test_the_image_of_ros_builds_the_workspace_as_the_page_says() -> None:
    steps = commands(section("With colcon"), 2)
    assert len(steps) > 4
    assert_in_order(steps, instructions("docker/jazzy.Dockerfile", "RUN"))


def test_the_development_container_sets_up_as_the_page_says() -> None:
    container = json.loads((REPOSITORY / ".devcontainer/devcontainer.json").read_text())
    install, setup, *_ = commands(section("With make"), 1)
    packages = set(install.removeprefix("sudo apt install ").split())
    assert packages
    assert packages <= set(container["onCreateCommand"].split())
    assert setup in container["postCreateCommand"]


def declared_packages() -> set[str]:
    """Names of all packages that setup.py and the list of run-time requirements have."""
    strings = {
        node.value
        for node in ast.walk(ast.parse((REPOSITORY / "setup.py").read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    lines = [text for text in strings if re.fullmatch(r"[\w.-]+(\[\w+\])?([<>=]=?[\d.,<>=]+)+", text)]
    lines += [
        line for line in (REPOSITORY / "requirements/runtime.txt").read_text().splitlines() if not line.startswith("#")
    ]
    return {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=; ]", line)[0]).lower() for line in lines}


def test_the_licence_of_every_declared_package_is_on_the_page() -> None:
    page = (REPOSITORY / "docs/licences.md").read_text()
    listed = set(re.findall(r"^\| ([\w-]+) \|", page, re.MULTILINE))
    absent = set(re.search(r"^Not installed where this page was written: (.+)\.$", page, re.MULTILINE)[1].split(", "))
    declared = declared_packages()
    assert {"torch", "lightning", "ros-rclpy", "openvino"} <= declared
    assert declared - listed - absent == set()


def test_every_licence_is_stated() -> None:
    assert "not stated" not in (REPOSITORY / "docs/licences.md").read_text()


def test_the_workflow_runs_the_one_command_on_every_python_of_the_package() -> None:
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text())
    job = workflow["jobs"]["test"]
    assert job["steps"][-1] == {"run": ".ci/run"}
    setup = (REPOSITORY / "setup.py").read_text()
    first, last = map(int, re.search(r"range\((\d+), (\d+)\)", setup).groups())
    assert job["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in range(first, last)]
    assert f'python_requires=">=3.{first}"' in setup


def forms() -> list[Path]:
    return sorted(set((REPOSITORY / ".github/ISSUE_TEMPLATE").glob("*.yml")) - {CHOOSER})


@pytest.mark.parametrize("form", forms(), ids=lambda path: path.stem)
def test_an_issue_form_asks_for_the_version_and_names_commands_that_exist(form: Path) -> None:
    content = yaml.safe_load(form.read_text())
    assert {"name", "description", "body"} <= content.keys()
    fields = [field for field in content["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    named = set(re.findall(r"`ssc-ros ([\w-]+)", form.read_text()))
    assert "--version" in named
    assert named - {"--version"} <= set(COMMANDS)


def test_the_licence_of_all_files_is_the_package_s() -> None:
    assert (REPOSITORY / "LICENSES/Apache-2.0.txt").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()
    assert 'SPDX-License-Identifier = "Apache-2.0"' in (REPOSITORY / "REUSE.toml").read_text()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"])
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)", (REPOSITORY / page).read_text()):
        assert target.startswith("https://") or (REPOSITORY / target).exists(), target


def test_the_security_page_tells_the_limits_of_the_code() -> None:
    page = (REPOSITORY / "SECURITY.md").read_text()
    assert f"above {parameter_files.LARGEST >> 10} KiB" in page
    assert f"above {parameter_files.LONGEST:,} elements" in page


def test_each_paper_s_citation_names_its_systems() -> None:
    papers = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())["references"]
    named = [re.findall(r"\b[a-z0-9]+(?:_[a-z]+)*\b", paper["notes"]) for paper in papers]
    cited = {system for words in named for system in words if system in SYSTEMS}
    assert all(set(words) & set(SYSTEMS) for words in named)
    assert set(SYSTEMS) - cited == {"lang_seg", "segmenter"}  # methods that only help others
