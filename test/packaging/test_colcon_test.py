"""`colcon test` runs the tests, also where launch_testing's plugin for pytest is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

PLUGIN = """
def pytest_pycollect_makemodule(module_path, parent):
    raise RuntimeError("launch_testing imports test files by itself")
"""


@pytest.fixture
def launch_testing(tmp_path: Path) -> Path:
    """A folder with an installed plugin of that name, which dies of our files as the real one does."""
    folder = tmp_path / "ros"
    (folder / "launch_testing-3.4.0.dist-info").mkdir(parents=True)
    (folder / "launch_testing.py").write_text(PLUGIN)
    information = folder / "launch_testing-3.4.0.dist-info"
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: launch_testing\nVersion: 3.4.0\n")
    (information / "entry_points.txt").write_text("[pytest11]\nlaunch_testing = launch_testing\n")
    return folder


@pytest.mark.slow
def test_colcon_runs_pytest_next_to_launch_testing(source_tree: Path, launch_testing: Path, tmp_path: Path) -> None:
    pytest.importorskip("colcon_core")
    environment = os.environ | {
        "PYTHONPATH": f"{launch_testing}:{source_tree}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AMENT_PREFIX_PATH": sys.prefix,
    }
    some = ["test/core/test_depth_bins.py", "test/assembly/test_lidar_use.py"]
    for arguments in (["build"], ["test", "--return-code-on-test-failure", "--pytest-args", *some]):
        verb, *rest = arguments
        command = [sys.executable, "-m", "colcon", verb, "--base-paths", "src", "--packages-select", "ssc_ros", *rest]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        assert result.returncode == 0, result.stdout + result.stderr
    results = ElementTree.parse(tmp_path / "build/ssc_ros/pytest.xml").getroot().iter("testsuite")
    assert sum(int(suite.get("tests", 0)) for suite in results) > 5
