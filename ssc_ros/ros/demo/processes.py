"""Several ROS processes on a domain of their own, none of which outlives the block that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ssc_ros.messages.transports import large_message_variables

GRACE = 10.0
"""What a process gets to leave by itself after a signal [s]."""


@dataclass
class ChildProcess:
    """A running process.

    Attributes:
        log: what it has printed.
    """

    log: Path
    _process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status, or None while it runs."""
        return self._process.poll()

    def tail(self, lines: int = 12) -> str:
        """The last lines that it has printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> int:
        """Interrupt it as Ctrl-C would, and return its exit status; one that does not leave is killed."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            return self._process.wait()


@dataclass
class Processes:
    """Processes that find each other and nobody else.

    Attributes:
        domain: their ROS domain.
        logs: folder of their logs.
    """

    domain: int
    logs: Path
    _children: list[ChildProcess] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Variables that put a process on the domain, on the loopback interface."""
        own = {"ROS_DOMAIN_ID": str(self.domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
        return own | large_message_variables()

    def start(self, name: str, command: Sequence[str]) -> ChildProcess:
        """Start a process whose log is called `name`."""
        log = self.logs / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=os.environ | self.environment,
                start_new_session=True,  # so that Ctrl-C reaches them through us alone, and all of their children
            )
        child = ChildProcess(log, process)
        self._children.append(child)
        return child

    def stop(self) -> None:
        """Stop all, the last one first."""
        for child in reversed(self._children):
            child.stop()


def ssc_ros(command: str, *arguments: str) -> list[str]:
    """The command line of `ssc-ros COMMAND ARGUMENTS`, with this Python and this code."""
    return [sys.executable, "-m", "ssc_ros.cli", command, *arguments]


@contextmanager
def processes(logs: Path, domain: int | None = None) -> Iterator[Processes]:
    """Processes for a block of code of the main thread; they are stopped however it ends, also by SIGTERM.

    Args:
        logs: folder of their logs; made if need be.
        domain: their ROS domain, 0 to 101; default: one that follows from this process's number.
    """
    logs.mkdir(parents=True, exist_ok=True)
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    group = Processes(1 + os.getpid() % 100 if domain is None else domain, logs)
    try:
        yield group
    finally:
        group.stop()
        signal.signal(signal.SIGTERM, before)
