"""The node as a process of its own: what another process sees of it, and how it starts and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI_GRID

from .world import World

SECOND = 1_000_000_000
T0 = 1_000_000_000_123_456_789
PATIENCE = 300
"""How long a process may take on a machine that is busy with something else [s]."""

RECEIVER = """
import json, sys
import numpy, rclpy
from ssc_ros_msgs.msg import SemanticVoxelGrid

def show(grid):
    # the recipe in the comment of SemanticVoxelGrid.msg
    n = grid.size_x * grid.size_y * grid.size_z
    m = (n + 7) // 8
    data = numpy.frombuffer(grid.labels, numpy.uint8)
    label = numpy.full(n, grid.EMPTY, numpy.uint8)
    assert grid.encoding == grid.BITMASK_LABELS
    occupied = numpy.unpackbits(data[:m], count=n).astype(bool)
    label[occupied] = data[m:]
    i = numpy.flatnonzero(label == int(sys.argv[1]))
    x, rest = numpy.divmod(i, grid.size_y * grid.size_z)
    y, z = numpy.divmod(rest, grid.size_z)
    p = grid.origin.position
    centres = numpy.array([p.x, p.y, p.z]) + grid.voxel_size * (numpy.stack([x, y, z], 1) + 0.5)
    print(json.dumps({
        "stamp": grid.header.stamp.sec * 10**9 + grid.header.stamp.nanosec,
        "frame": grid.header.frame_id,
        "centres": centres.tolist(),
        "foreign": sorted(name for name in sys.modules if name.partition(".")[0] in ("ssc_ros", "torch", "cv2")),
    }), flush=True)
    rclpy.shutdown()

rclpy.init()
node = rclpy.create_node("receiver")
node.create_subscription(SemanticVoxelGrid, "/ssc_node/grid", show, 1)
rclpy.spin(node)
"""


def test_a_process_with_nothing_but_rclpy_and_the_messages_decodes_a_grid(world: World, tmp_path: Path) -> None:
    world.start()
    receiver = subprocess.Popen(
        [sys.executable, "-c", RECEIVER, str(world.building)], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        world.rig.infos(T0)
        for topic in ("left/image_rect", "right/image_rect", "points"):
            world.rig.advertise(topic)
        world.connect("left/camera_info", "right/camera_info", "left/image_rect", "right/image_rect", "points")
        world.await_listener("/ssc_node/grid")
        world.rig.infos(T0)
        for k in range(300):  # until the receiver, which may match later than the publisher does, has seen one
            world.rig.points(T0 + k * SECOND, [(2.1, 0.1, -1.1)])
            world.rig.images(T0 + k * SECOND)
            world.spin(0.1)
            if receiver.poll() is not None:
                break
        received = json.loads(receiver.communicate(timeout=10)[0])
    finally:
        receiver.kill()
    assert received["foreign"] == []
    assert received["frame"] == "velodyne"
    assert (received["stamp"] - T0) % SECOND == 0
    # the voxel of 0.4 m that holds the point (2.1, 0.1, -1.1)
    np.testing.assert_allclose(received["centres"], [[2.2, 0.2, -1.0]], atol=1e-6)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real checkpoint of an untrained network."""
    from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
    from ssc_ros.systems import build

    path = tmp_path_factory.mktemp("models") / "untrained.safetensors"
    metadata = CheckpointMetadata("untrained", "l2cocc", "edge", "semantic_kitti", SEMANTIC_KITTI_GRID, ("stereo",))
    save_checkpoint(path, build("l2cocc", "edge"), metadata)
    return path


class Process:
    """`ssc-ros node` with its standard error in a file."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.log = folder / "stderr.txt"
        with self.log.open("w") as file:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "ssc_ros.cli", "node", *map(str, arguments)],
                stderr=file,
                env=os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
            )

    @property
    def text(self) -> str:
        return self.log.read_text()

    @property
    def handles_sigterm(self) -> bool:
        """Whether the node's own handlers are in place (Python itself catches SIGINT, but not SIGTERM)."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        caught = int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), 16)
        return bool(caught >> (signal.SIGTERM - 1) & 1)

    def wait_for(self, condition: Callable[[], object], timeout: float = PATIENCE) -> None:
        end = time.monotonic() + timeout
        while not condition():
            assert self.popen.poll() is None, self.text
            assert time.monotonic() < end, self.text
            time.sleep(0.01)

    def stop(self, number: signal.Signals) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(PATIENCE)


@pytest.fixture
def start(domain: int, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    processes = []

    def start(*arguments: object) -> Process:
        processes.append(Process(tmp_path, *arguments))
        return processes[-1]

    yield start
    for process in processes:
        process.popen.kill()
        process.popen.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_running_node_with_0_and_without_a_traceback(
    start: Callable[..., Process], checkpoint: Path, number: signal.Signals
) -> None:
    node = start("--checkpoint", checkpoint)
    node.wait_for(lambda: "active" in node.text)
    assert node.stop(number) == 0
    assert "Traceback" not in node.text
    assert "untrained" in node.text
    assert "it reads stereo; point clouds are not used" in node.text


def test_a_warm_up_does_what_the_start_does_and_ends(start: Callable[..., Process], checkpoint: Path) -> None:
    node = start("--checkpoint", checkpoint, "--warm-up")
    assert node.popen.wait(PATIENCE) == 0
    assert f"loading {checkpoint}" in node.text
    assert "untrained" in node.text
    assert "active" not in node.text


def test_a_warm_up_of_what_cannot_be_loaded_fails(start: Callable[..., Process]) -> None:
    assert start("--warm-up", "--checkpoint", "missing.safetensors").popen.wait(PATIENCE) == 1


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see when signals are handled")
@pytest.mark.parametrize("delay", [0.0, 0.2, 1.0])
def test_ctrl_c_during_start_up_ends_with_0_and_without_a_traceback(
    start: Callable[..., Process], checkpoint: Path, delay: float
) -> None:
    node = start("--checkpoint", checkpoint)
    node.wait_for(lambda: node.handles_sigterm)
    time.sleep(delay)
    assert node.stop(signal.SIGINT) == 0
    assert "Traceback" not in node.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--checkpoint", "missing.safetensors"], ["missing.safetensors", "does not exist"]),
        (["--checkpoint", __file__], [Path(__file__).name, "not a safetensors file"]),
        (["--ros-args", "-p", "sync.slop:=1"], ["sync.slop", "write 1.0"]),
        (["--ros-args", "-p", "device:=abacus"], ["device", "abacus", "cuda"]),
    ],
    ids=["no checkpoint", "no such format", "type", "value"],
)
def test_what_cannot_be_used_ends_with_one_line_and_not_with_0(
    start: Callable[..., Process], arguments: list[str], words: list[str]
) -> None:
    node = start(*arguments)
    assert node.popen.wait(PATIENCE) == 1
    *before, line = node.text.splitlines()
    assert all("loading" in other for other in before)
    assert all(word in line for word in words), line


def test_a_list_that_ros_would_read_for_a_minute_is_refused_at_once(
    start: Callable[..., Process], tmp_path: Path
) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text("ssc_node: {ros__parameters: {a: [" + "1.0, " * 200_000 + "1.0]}}")
    node = start("--params-file", file)
    assert node.popen.wait(60) == 1
    (line,) = node.text.splitlines()
    assert str(file) in line


def test_a_parameter_file_for_another_node_is_named(
    start: Callable[..., Process], checkpoint: Path, tmp_path: Path
) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text("stereo_node: {ros__parameters: {threads: 3}}")
    node = start("--checkpoint", checkpoint, "--params-file", file)
    node.wait_for(lambda: f"{file} has no parameters of /ssc_node, only of stereo_node" in node.text)
    assert node.stop(signal.SIGINT) == 0


def test_large_messages_get_their_transport_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    from ssc_ros.messages.transports import BUILTIN, PROFILES
    from ssc_ros.ros import run

    seen = []
    monkeypatch.setattr(run, "Signals", lambda: None)
    monkeypatch.setattr(run, "_run", lambda *arguments: seen.append(os.environ.get(PROFILES[1])) or 0)
    for name in (BUILTIN, *PROFILES):
        monkeypatch.setenv(name, "restores what the test changes")
        monkeypatch.delenv(name)
    run.run_node([], {}, large_data=False)
    run.run_node([], {})
    assert seen[0] is None
    assert Path(seen[1]).name == "fastdds.xml"


IMPATIENCE = """
import os, signal
from ssc_ros.ros.run import Signals, StoppedAtStart
signals = Signals()
signals.check()
os.kill(os.getpid(), signal.SIGINT)
try:
    signals.check()
except StoppedAtStart:
    print("stopped", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
print("never said")
"""


def run_program(text: str) -> tuple[str, str, int]:
    """Standard output, standard error and exit status of a program."""
    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=60)
    return ended.stdout, ended.stderr, ended.returncode


ECHO = """
import os, signal
from ssc_ros.ros.run import Signals, StoppedAtStart
signals = Signals()
for _ in range(2):
    os.kill(os.getpid(), signal.SIGINT)
try:
    signals.check()
except StoppedAtStart:
    print("stopped", flush=True)
"""


def test_the_echo_of_a_key_press_during_the_start_is_no_second_one() -> None:
    out, err, status = run_program(ECHO)
    assert (out, status) == ("stopped\n", 0)
    assert len(err.splitlines()) == 1


def test_a_second_signal_during_the_start_does_not_wait_for_the_step() -> None:
    out, err, status = run_program(IMPATIENCE)
    assert (out, status) == ("stopped\n", -signal.SIGTERM)
    (line,) = err.splitlines()
    assert "second signal" in line


AT_EVERY_STEP = """
import os, signal, sys, threading
from ssc_ros.ros.run import Signals

def interrupt_at(step):
    passed = iter(range(step))
    def trace(frame, event, argument):
        if next(passed, None) is None:
            sys.settrace(None)
            os.kill(os.getpid(), signal.SIGINT)
        return trace
    return trace

for step in range(10):
    signals = Signals()
    timer = threading.Timer(0.5, signals.end)  # where waiting takes fewer steps
    timer.start()
    sys.settrace(interrupt_at(step))
    signals.wait()
    sys.settrace(None)
    timer.cancel()
print("never stuck")
"""


def test_a_signal_at_any_step_of_waiting_ends_it() -> None:
    """A handler that wants a lock which the thread that it interrupts holds would wait for ever."""
    out, _, status = run_program(AT_EVERY_STEP)
    assert (out, status) == ("never stuck\n", 0)
