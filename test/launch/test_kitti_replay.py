"""The launch file: explained arguments, checked paths, and an end that tells how it went. Needs a ROS installation."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssc_ros.core.resources import share_directory

from ..processes import is_alive

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
        (["bag:={here}", "params_file:={here}/list.yaml"], "a list of more than"),
        (["bag:={here}", "rate:=fast"], "rate:=fast is no number"),
        (["bag:={here}", "rate:=0"], "rate:=0 is no number"),
        (["bag:={here}", "start_offset:=-1"], "start_offset:=-1 is no number"),
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
    (tmp_path / "list.yaml").write_text("ssc_node: {ros__parameters: {a: [" + "1, " * 9999 + "1]}}")
    status, text = run("rviz:=false", *(a.format(here=tmp_path) for a in arguments))
    assert status == 1
    assert message in text
    assert "process started" not in text
    assert "Traceback" not in text


STAND_IN = f"""#!{sys.executable}
import os, pathlib, signal, sys, time
from ssc_ros.ros.signals import end_with_parent
end_with_parent()
name = pathlib.Path(sys.argv[0]).name
try:
    pathlib.Path(os.environ["SEEN"], name).write_text(str(os.getpid()) + "\\n" + " ".join(sys.argv))
    time.sleep(60)
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(float(os.environ.get("BUSY", 0)))
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation whose node and replay only wait; where they write their process id and arguments."""
    index = tmp_path / "install" / "share" / "ament_index" / "resource_index" / "packages"
    executables = tmp_path / "install" / "lib" / "ssc_ros"
    for folder in (index, executables, tmp_path / "seen"):
        folder.mkdir(parents=True)
    (index / "ssc_ros").touch()
    for name in ("node", "replay"):
        (executables / name).write_text(STAND_IN)
        (executables / name).chmod(0o755)
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'install'}:{os.environ.get('AMENT_PREFIX_PATH', '')}")
    return tmp_path / "seen"


def start(installed: Path, *arguments: str) -> tuple[subprocess.Popen[str], dict[str, tuple[int, str]]]:
    """A launch from another folder, and process ids and arguments of what it has started."""
    command = [sys.executable, "-c", LAUNCH, str(FILE), "rviz:=false", f"bag:={installed}", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=installed, start_new_session=True
    )
    end = time.monotonic() + 60
    while len(list(installed.iterdir())) < 2 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.2)
    seen = {file.name: file.read_text().split("\n", 1) for file in installed.iterdir()}
    return process, {name: (int(pid), words) for name, (pid, words) in seen.items()}


def test_a_launch_that_is_killed_leaves_nothing_behind(installed: Path) -> None:
    process, seen = start(installed)
    process.kill()
    process.communicate()
    assert seen.keys() == {"node", "replay"}
    end = time.monotonic() + 20
    while any(is_alive(pid) for pid, _ in seen.values()) and time.monotonic() < end:
        time.sleep(0.1)
    assert [name for name, (pid, _) in seen.items() if is_alive(pid)] == []


def test_shipped_models_are_found_from_any_folder(installed: Path) -> None:
    process, seen = start(installed, "checkpoint:=models/l2cocc_edge.safetensors")
    parameters = [word for word in seen["node"][1].split() if Path(word).suffix == "" and "launch_params" in word]
    text = "".join(Path(file).read_text() for file in parameters)
    process.terminate()
    process.communicate(timeout=60)
    assert str(share_directory() / "models" / "l2cocc_edge.safetensors") in text


def test_a_busy_node_gets_more_time_to_leave_than_launch_s_own_five_seconds(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUSY", "7")
    process, seen = start(installed)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    text, _ = process.communicate(timeout=60)
    assert seen
    assert "process has finished cleanly" in text
    assert "escalating" not in text
