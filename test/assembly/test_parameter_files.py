"""Parameter files: for which nodes they are, and which ROS would never finish reading."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssc_ros.assembly.parameter_files import applies, complaint, parameter_files, read_sections
from ssc_ros.core import SscError
from ssc_ros.core.resources import share_directory

NODE = "/ssc_node"


def written(folder: Path, text: str) -> Path:
    path = folder / "robot.yaml"
    path.write_text(text)
    return path


def test_the_files_of_a_command_line_are_found() -> None:
    words = ["-p", "a:=1", "--params-file", "a.yaml", "-r", "x:=y", "--params-file", "b.yaml"]
    assert parameter_files(words) == [Path("a.yaml"), Path("b.yaml")]


# what rcl's documentation says of wildcards in parameter files
@pytest.mark.parametrize(
    ("section", "node", "matches"),
    [
        ("ssc_node", "/ssc_node", True),
        ("/ssc_node", "/ssc_node", True),
        ("ssc_node", "/front/ssc_node", False),
        ("/front/ssc_node", "/front/ssc_node", True),
        ("/**", "/front/left/ssc_node", True),
        ("/**/ssc_node", "/ssc_node", True),
        ("/**/ssc_node", "/a/b/ssc_node", True),
        ("/*/ssc_node", "/a/ssc_node", True),
        ("/*/ssc_node", "/a/b/ssc_node", False),
        ("other", "/ssc_node", False),
    ],
)
def test_a_section_is_for_the_nodes_that_rcl_gives_it_to(section: str, node: str, matches: bool) -> None:
    assert applies(section, node) is matches


def test_the_file_that_is_shipped_is_for_the_node() -> None:
    assert complaint(share_directory() / "config" / "ssc_node.yaml", NODE) == ""


def test_a_file_for_another_node_is_named_with_the_nodes_that_it_is_for(tmp_path: Path) -> None:
    text = "stereo:\n  ros__parameters: {a: 1}\nfront:\n  ssc_node:\n    ros__parameters: {b: [1, 2]}\n"
    path = written(tmp_path, text)
    assert read_sections(path) == ["stereo", "front/ssc_node"]
    assert f"{path} has no parameters of /ssc_node, only of stereo, front/ssc_node" in complaint(path, NODE)
    assert complaint(path, "/front/ssc_node") == ""
    assert "nor of any node" in complaint(written(tmp_path, "ssc_node: {sync.slop: 0.1}"), NODE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ssc_node: {ros__parameters: {a: [" + "1.0, " * 20_000 + "1.0]}}", "a list of more than 4096"),
        ("ssc_node: {ros__parameters: {a: [" + "1.0, " * 200_000 + "1.0]}}", "more than 262144 bytes"),
        ("[" * 10_000, "nested more than 64 deep"),
        ("a: [1", "is no YAML"),
        ("a: \x07", "is no YAML"),
    ],
    ids=["list", "size", "depth", "end", "character"],
)
def test_what_keeps_ros_busy_is_refused_at_once(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    begin = time.process_time()
    with pytest.raises(SscError, match=rf"robot\.yaml.*{message}"):
        read_sections(path)
    assert time.process_time() - begin < 2.0  # ROS: 40 s, in which it heeds no signal


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SscError, match=r"cannot read the parameter file .*none\.yaml"):
        read_sections(tmp_path / "none.yaml")


NAMES = st.text("abc_", min_size=1, max_size=4)
VALUES = st.recursive(st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=3), st.dictionaries(NAMES, VALUES, max_size=3))))
def test_every_section_is_found_whatever_stands_around(tmp_path: Path, sections: list) -> None:
    content: dict = {}
    for path, parameters in sections:
        place = content
        for name in path:
            place = place.setdefault(name, {})
        place["ros__parameters"] = parameters
    found = read_sections(written(tmp_path, yaml.safe_dump(content)))
    assert sorted(found) == sorted({"/".join(path) for path, _ in sections})
