"""What signals mean to a process of ours: a key press is one signal, and an orphan ends."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from types import FrameType

END_WITH_PARENT = "SSC_ROS_END_WITH_PARENT"
"""Environment variable by which a launch asks its processes to end when it ends, however that happens."""

SAME_PRESS = 1.0
"""A signal that comes again so soon [s] is the same key press: the terminal sends it to everybody, and a launch to its
processes once more."""

_PR_SET_PDEATHSIG = 1
"""Of sys/prctl.h."""


class Presses:
    """Tells a second key press from the echo of the first."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def is_echo(self, number: int) -> bool:
        """Return whether a signal that comes now belongs to one that came before."""
        now = time.monotonic()
        if self._first is None:
            self._first = number, now
            return False
        return self._first[0] == number and now - self._first[1] < SAME_PRESS


def interrupt_once() -> None:
    """Let the first SIGINT or SIGTERM raise KeyboardInterrupt, and a later one end the process at once."""
    presses, came = Presses(), []

    def handle(number: int, frame: FrameType | None) -> None:
        if presses.is_echo(number):
            return
        came.append(number)
        if len(came) > 1:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def end_with_parent() -> None:
    """Have the system send SIGTERM when the process that started this one ends, if that has asked for it.

    A launch that is killed, or fails on its way, would leave its processes behind, and with them a second /clock.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if os.environ.pop(END_WITH_PARENT, "") and prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
