"""The launch file: explained arguments, checked paths, and an end that tells how it went. Needs a ROS installation."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ssc_ros.core.resources import share_directory

launch = pytest.importorskip("launch", reason="launch comes with a ROS 2 installation")
pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS 2 installation")

FILE = share_directory() / "launch" / "kitti_replay.launch.py"
LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
arguments = [tuple(word.split(":=")) for word in sys.argv[2:]]
service = LaunchService()
source = PythonLaunchDescriptionSource(sys.argv[1])
service.include_launch_description(
    LaunchDescription([IncludeLaunchDescription(source, launch_arguments=arguments)])
)
sys.exit(service.run())
"""


def run(*arguments: str) -> tuple[int, str]:
    """Status and messages of a launch, as `ros2 launch` makes them."""
    command = [sys.executable, "-c", LAUNCH, str(FILE), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_every_argument_is_explained_and_switches_name_their_choices() -> None:
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    arguments = get_launch_description_from_python_launch_file(str(FILE)).get_launch_arguments()
    assert {"bag", "data", "sequence", "rate", "loop", "rviz", "checkpoint", "segmentation", "large_data"} <= {
        a.name for a in arguments
    }
    for argument in arguments:
        assert len(argument.description) > 10, argument.name
        assert argument.default_value is not None, argument.name
        default = "".join(part.text for part in argument.default_value)
        assert bool(argument.choices) == (default in ("true", "false", "info")), argument.name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give bag:=FOLDER, or data:=ROOT and sequence:=NN"),
        (["bag:=/nowhere"], "bag folder /nowhere does not exist"),
        (["data:=/nowhere"], "sequence folder /nowhere/sequences/08 does not exist"),
        (["bag:={here}", "checkpoint:=/none.safetensors"], "checkpoint:=/none.safetensors does not exist"),
        (["bag:={here}", "segmentation:=/none.safetensors"], "segmentation:=/none.safetensors does not exist"),
        (["bag:={here}", "params_file:=/none.yaml"], "params_file:=/none.yaml does not exist"),
        (["bag:={here}", "rviz:=perhaps"], '"perhaps" is not valid'),
        pytest.param(
            ["bag:={here}", "rviz:=true"],
            "package rviz2 is not installed",
            marks=pytest.mark.skipif(shutil.which("rviz2") is not None, reason="RViz is installed"),
        ),
    ],
)
def test_a_bad_argument_ends_the_launch_before_anything_starts(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    status, text = run("rviz:=false", *(a.format(here=tmp_path) for a in arguments))
    assert status == 1
    assert message in text
    assert "process started" not in text
    assert "Traceback" not in text
