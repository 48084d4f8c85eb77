"""One run: three processes, from their start to what they have said."""

from __future__ import annotations

import math
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ssc_ros.assembly.settings_rules import extrinsics
from ssc_ros.core import Frame, SscError
from ssc_ros.profiling.ros.publisher import WAIT
from ssc_ros.profiling.ros.result import Run
from ssc_ros.profiling.ros.said import CONNECTED, DROPS, GRID, SENT, said
from ssc_ros.profiling.ros.usage import Sample, sample
from ssc_ros.ros.demo.processes import ChildProcess, processes, ssc_ros

POLL = 0.25
"""Between two looks at the processes [s]."""
LAST_GRID = 30.0
"""How long to wait for the grid of the last frame, which no newer one can replace [s]."""
DIAGNOSTICS = 10.0
"""After it, until the node has said twice what it dropped, which it does once a second [s]."""


@dataclass(frozen=True)
class Load:
    """What the node has to do.

    Attributes:
        hz: frames per second.
        seconds: how long.
        checkpoint: what the node runs; None: a completer that takes `work_ms`.
        work_ms: see `checkpoint` [ms].
        threads: of torch.
        device: of the network.
        backend: that runs it.
        parallel_frames: completed at once.
        waiting_frames: while others are completed.
    """

    hz: float
    seconds: float
    checkpoint: Path | None = None
    work_ms: float = 0.0
    threads: int = 1
    device: str = "cpu"
    backend: str = "auto"
    parallel_frames: int = 1
    waiting_frames: int = 1

    @property
    def count(self) -> int:
        """Number of frames."""
        return max(2, round(self.hz * self.seconds))

    def node(self, frame: Frame) -> list[str]:
        """The command of the node, for a frame's calibration."""
        parameters = {
            "camera.extrinsics": extrinsics(frame.rig),
            "threads": self.threads,
            "device": self.device,
            "backend": self.backend,
            "parallel_frames": self.parallel_frames,
            "waiting_frames": self.waiting_frames,
        }
        values = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        if self.checkpoint is not None:
            return ssc_ros("node", "--checkpoint", str(self.checkpoint), "--ros-args", *values)
        return _program("made_up", "--work-ms", str(self.work_ms), "--ros-args", *values)


def run(load: Load, frame: Frame, logs: Path) -> Run:
    """Send a frame to the node again and again, and listen to it.

    Args:
        load: how often, and to what.
        frame: what is sent.
        logs: folder of the processes' logs.

    Raises:
        SscError: one of the processes failed; the end of its log goes to stderr.
    """
    with processes(logs) as group:
        (file := logs / "frame.pickle").write_bytes(pickle.dumps(frame))
        watch = Watch()
        watch.children["node"] = group.start("node", load.node(frame))
        watch.children["subscriber"] = subscriber = group.start("subscriber", _program("subscriber"))
        if not watch.until(lambda: CONNECTED in dict(said(subscriber.log)), WAIT):
            raise watch.failure("node", f"has not been active after {WAIT:g} s")
        arguments = (str(file), "--hz", str(load.hz), "--count", str(load.count))
        watch.children["publisher"] = publisher = group.start("publisher", _program("publisher", *arguments))
        watch.until(lambda: SENT in dict(said(publisher.log)), math.inf)
        sent = dict(said(publisher.log))[SENT]
        last = sent[-1][0]
        watch.until(lambda: any(word == GRID and value[0] == last for word, value in said(subscriber.log)), LAST_GRID)
        # the first one after the grid may have been made before it
        watch.until(lambda: _since_last_grid(subscriber.log).count(DROPS) > 1, DIAGNOSTICS)
        return Run.of(load.hz, sent, list(said(subscriber.log)), watch.samples)


@dataclass
class Watch:
    """Looks at processes while it waits.

    Attributes:
        children: by name.
        samples: what they took, at each look.
    """

    children: dict[str, ChildProcess] = field(default_factory=dict)
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait for a condition; False if it does not hold after `timeout` [s].

        Raises:
            SscError: a process has failed.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                return False
            for name, child in self.children.items():
                if child.returncode is None:
                    self.samples.setdefault(name, []).extend(sample(child.pid))
                elif child.returncode or name != "publisher":
                    raise self.failure(name, f"ended with status {child.returncode}")
            time.sleep(POLL)
        return True

    def failure(self, name: str, text: str) -> SscError:
        """An error of one process, whose last words go to stderr."""
        child = self.children[name]
        print(f"the end of {child.log}:\n{child.tail()}", file=sys.stderr)
        return SscError(f"the {name} {text}")


def _since_last_grid(log: Path) -> list[str]:
    words = [word for word, _ in said(log)]
    return words[len(words) - words[::-1].index(GRID) :] if GRID in words else []


def _program(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"{__package__}.{name}", *arguments]
