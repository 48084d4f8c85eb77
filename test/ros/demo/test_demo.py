"""The demonstration: processes that find each other, grids that get scored, and nothing left behind when it fails."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
import torch

from ssc_ros.core import SEMANTIC_KITTI_GRID
from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
from ssc_ros.systems import build

pytest.importorskip("rclpy", reason="needs ROS 2: pip install 'ssc_ros[ros-jazzy]' or source /opt/ros")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "untrained.safetensors"
    metadata = CheckpointMetadata(
        model_id="untrained",
        system="l2cocc",
        preset="edge",
        label_set_name="semantic_kitti",
        grid=SEMANTIC_KITTI_GRID,
        inputs=("stereo",),
    )
    network = build("l2cocc", "edge")
    with torch.no_grad():  # an untrained head says the commonest class everywhere; this one goes by what it sees
        network.head.logits.weight.mul_(1000)
    save_checkpoint(path, network, metadata)
    return path


@pytest.fixture(scope="module")
def segmentation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path, network = tmp_path_factory.mktemp("models") / "points.safetensors", build("polarnet", "edge")
    spec = network.spec
    metadata = CheckpointMetadata(
        "points", "polarnet", "edge", "semantic_kitti", spec.grid, spec.sensors, polar=spec.polar
    )
    save_checkpoint(path, network, metadata)
    return path


def start_demo(tree: Path, folder: Path, checkpoint: Path, *options: str) -> subprocess.Popen[str]:
    places = ["--work-dir", str(folder / "work"), "--results", str(folder / "results")]
    data = ["--kitti-root", str(tree), "--sequence", "08", "--checkpoint", str(checkpoint)]
    command = [sys.executable, "-m", "ssc_ros.cli", "demo", *data, *places, *options]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background jobs ignore SIGINT, and so would their children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no threads here)
    )


def descendants(folder: Path) -> list[psutil.Process]:
    """Processes that speak of files in a folder."""
    return [p for p in psutil.process_iter(["cmdline"]) if str(folder / "work") in " ".join(p.info["cmdline"] or [])]


def test_every_frame_with_truth_is_scored(kitti_tree: Path, tmp_path: Path, checkpoint: Path) -> None:
    with start_demo(kitti_tree, tmp_path, checkpoint) as demo:
        out, err = demo.communicate(timeout=300)
    assert demo.returncode == 0, out + err
    assert "6 grids, 0 drops" in out
    assert "IoU " in out
    metrics = json.loads((tmp_path / "results" / "latest" / "metrics.json").read_text())
    assert metrics["frames"] == 2
    assert 0 < metrics["iou"] < 1
    assert len(list((tmp_path / "results" / "latest").glob("*.png"))) == 2
    assert descendants(tmp_path) == []


def test_points_come_back_with_classes(kitti_tree: Path, tmp_path: Path, checkpoint: Path, segmentation: Path) -> None:
    with start_demo(kitti_tree, tmp_path, checkpoint, "--segmentation", str(segmentation)) as demo:
        out, err = demo.communicate(timeout=300)
    assert demo.returncode == 0, out + err
    assert "6 grids, 0 drops" in out
    (told,) = re.findall(r"points +(\d) sweeps came back with classes", out)
    assert 1 <= int(told) <= 6
    assert descendants(tmp_path) == []


def test_a_view_shows_the_demo_until_it_is_interrupted(
    kitti_tree: Path, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rerun", reason="needs rerun: pip install 'ssc_ros[viewer]'")
    monkeypatch.setenv("BROWSER", "true")  # nothing is opened
    with start_demo(kitti_tree, tmp_path, checkpoint, "--view") as demo:
        assert demo.stdout is not None
        said = ""
        while "Ctrl-C ends the view, and scores" not in said:
            line = demo.stdout.readline()
            assert line, demo.communicate()[1]
            said += line
        (address,) = re.findall(r"http://127\.0\.0\.1:\d+/", said)
        with urlopen(address) as page:
            assert b"re_viewer.js" in page.read()
        demo.send_signal(signal.SIGINT)
        out, err = demo.communicate(timeout=300)
    assert demo.returncode == 0, said + out + err
    assert "6 grids, 0 drops" in out
    assert descendants(tmp_path) == []


def test_a_node_that_cannot_start_ends_it_with_the_nodes_own_words(kitti_tree: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"no checkpoint")
    with start_demo(kitti_tree, tmp_path, damaged) as demo:
        _, err = demo.communicate(timeout=120)
    assert demo.returncode == 1
    assert "damaged.safetensors" in err  # from the end of the node's log
    assert err.splitlines()[-1].startswith("ssc-ros demo: the node ended with status 1; see the node's log")
    assert descendants(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_outlives_an_interrupted_demo(
    kitti_tree: Path, tmp_path: Path, checkpoint: Path, number: signal.Signals
) -> None:
    with start_demo(kitti_tree, tmp_path, checkpoint) as demo:
        deadline = time.monotonic() + 60
        while not (tmp_path / "work" / "logs" / "replay.log").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(0.5)
        demo.send_signal(number)
        _, err = demo.communicate(timeout=60)
    assert demo.returncode != 0
    assert "Traceback" not in err
    assert descendants(tmp_path) == []


def test_a_missing_checkpoint_is_said_before_anything_is_started(kitti_tree: Path, tmp_path: Path) -> None:
    with start_demo(kitti_tree, tmp_path, tmp_path / "none.safetensors") as demo:
        _, err = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "there is no checkpoint" in err
    assert not (tmp_path / "work").exists()
