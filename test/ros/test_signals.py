"""What a signal means to a process: a key press that arrives twice is one, and an orphan ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssc_ros.ros.signals import END_WITH_PARENT

from ..processes import is_alive

WAITS = """
import time
from ssc_ros.ros.signals import interrupt_once
interrupt_once()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
time.sleep({cleanup})
print("left in order", flush=True)
"""


def start(text: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", text]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_the_echo_of_a_key_press_does_not_interrupt_the_clean_up() -> None:
    """The terminal sends SIGINT to a launch and to what it has started, and the launch sends it on."""
    with start(WAITS.format(cleanup=0.5)) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == ("interrupted\nleft in order\n", 0)


@pytest.mark.parametrize(("number", "pause"), [(signal.SIGINT, 1.2), (signal.SIGTERM, 0.1)])
def test_a_second_key_press_or_another_signal_ends_at_once(number: signal.Signals, pause: float) -> None:
    with start(WAITS.format(cleanup=60)) as process:
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "interrupted\n"
        time.sleep(pause)
        process.send_signal(number)
        assert process.wait(30) == -number


PARENT = """
import os, subprocess, sys
child = "import time; from ssc_ros.ros.signals import end_with_parent; end_with_parent(); "
child += "print('up', flush=True); time.sleep(60)"
process = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE, text=True)
process.stdout.readline()
print("ready", flush=True)
print(process.pid, flush=True)
import time
time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.parametrize("asked", ["1", ""])
def test_a_process_of_a_launch_that_is_killed_does_not_outlive_it(asked: str) -> None:
    with start(PARENT, **{END_WITH_PARENT: asked}) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        end = time.monotonic() + (20 if asked else 1)
        while is_alive(child) and time.monotonic() < end:
            time.sleep(0.05)
        outlives = is_alive(child)
        if outlives:
            os.kill(child, signal.SIGKILL)
    assert outlives is not bool(asked)
