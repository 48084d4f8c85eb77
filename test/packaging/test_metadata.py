"""What the two packages say about themselves is true."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import ssc_ros

REPOSITORY = Path(__file__).resolve().parents[2]
INTERFACES = sorted((REPOSITORY / "ssc_ros_msgs").glob("*/*.msg")) + sorted(
    (REPOSITORY / "ssc_ros_msgs").glob("*/*.srv")
)
IMPORT_NAMES = {  # where a package of PyPI is imported by another name than its own
    "backports": "backports.zstd",
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "rerun": "rerun-sdk",
    "rerun_cli": "rerun-sdk",
    "tf2_ros": "tf2_ros_py",
    "yaml": "pyyaml",
}


@pytest.mark.parametrize("folder", [REPOSITORY, REPOSITORY / "ssc_ros_msgs"], ids=["ssc_ros", "ssc_ros_msgs"])
def test_package_xml_is_valid_for_ros(folder: Path) -> None:
    catkin_pkg = pytest.importorskip("catkin_pkg.package")
    package = catkin_pkg.parse_package(folder / "package.xml")  # raises on what the ROS build farm would refuse
    warnings: list[str] = []
    package.validate(warnings)
    assert not warnings
    assert package.package_format == 3
    assert package.licenses == ["Apache-2.0"]
    assert (folder / package.licenses[0].file).read_text().lstrip().startswith("Apache License")


def test_all_version_numbers_agree() -> None:
    found = {
        "ssc_ros.__version__": ssc_ros.__version__,
        "setup.py": re.search(r'version="(.+?)"', (REPOSITORY / "setup.py").read_text())[1],
        "ssc_ros_msgs/pyproject.toml": re.search(
            r'^version = "(.+?)"', (REPOSITORY / "ssc_ros_msgs/pyproject.toml").read_text(), re.MULTILINE
        )[1],
    }
    for package_xml in ("package.xml", "ssc_ros_msgs/package.xml", "ssc_ros_msgs/tf2_msgs/package.xml"):
        found[package_xml] = re.search(r"<version>(.+?)<", (REPOSITORY / package_xml).read_text())[1]
    headings = re.findall(r"^## \[(.+?)\]", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    found["CHANGELOG.md"] = headings[1]
    found["CITATION.cff"] = re.search(r"^version: (\S+)", (REPOSITORY / "CITATION.cff").read_text(), re.MULTILINE)[1]
    assert len(set(found.values())) == 1, found


def imports(folder: Path) -> set[str]:
    """Top-level packages that the code under a folder imports, wherever the import stands."""
    found = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module.partition(".")[0])
    return found


def normalised(name: str) -> str:
    """Name of a distribution, as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", IMPORT_NAMES.get(name, name)).lower()


def test_every_import_is_a_declared_dependency() -> None:
    declared = {re.split(r"[\s\[<>=~;]", line)[0] for line in metadata.requires("ssc_ros")}
    declared |= set(re.findall(r"<(?:exec|test)_depend>(\w+)<", (REPOSITORY / "package.xml").read_text()))
    declared = {normalised(name) for name in declared}
    ours = {"ssc_ros", "compression"}  # compression.zstd belongs to Python 3.14
    names = set().union(*(imports(REPOSITORY / room) for room in ("ssc_ros", "launch", "test", "benchmarks")))
    ours |= {path.stem for folder in ("test", "benchmarks") for path in (REPOSITORY / folder).rglob("*.py")}
    foreign = names - sys.stdlib_module_names - ours
    assert {"numpy", "torch", "rclpy"} <= foreign
    assert {name for name in foreign if normalised(name) not in declared} == set()


def test_the_ament_index_marker_has_the_name_of_the_package() -> None:
    assert (REPOSITORY / "resource" / "ssc_ros").read_bytes() == b""


def test_nothing_is_left_to_do() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    files = [REPOSITORY / name for name in listed.stdout.splitlines()]
    if not files:
        pytest.skip("not a git checkout")
    marker = re.compile(r"\b(TODO|FIXME|XXX)\b")
    suffixes = {".py", ".toml", ".xml", ".md", ".msg", ".srv", ".yaml", ".yml", ".cfg", ".cmake", ".txt", ".sh", ""}
    texts = {f: f.read_text(errors="replace") for f in files if f.suffix in suffixes and f.is_file()}
    assert len(texts) > 50
    assert [f.name for f, text in texts.items() if marker.search(text) and f.name != "test_metadata.py"] == []


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda path: path.name)
def test_every_field_of_a_message_is_explained(interface: Path) -> None:
    comment, fields = "", 0
    for line in interface.read_text().splitlines():
        code, _, remark = (part.strip() for part in line.partition("#"))
        if not code or code == "---":
            comment = f"{comment} {remark}" if remark else ""
            continue
        fields += 1
        comment += remark
        assert comment, f"{interface.name}: nothing says what '{code}' is"
        assert not code.startswith("float") or re.search(r"\[.+\]", comment), f"{interface.name}: '{code}' has no unit"
        comment = ""
    assert fields


def test_the_message_package_builds_every_interface() -> None:
    cmake = (REPOSITORY / "ssc_ros_msgs" / "CMakeLists.txt").read_text()
    assert sorted(re.findall(r'"(\w+/\w+\.\w+)"', cmake)) == sorted(f"{p.parent.name}/{p.name}" for p in INTERFACES)
