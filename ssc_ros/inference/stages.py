"""How long the stages of something take, on the wall clock and in CPU time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Span:
    """A time [s].

    Attributes:
        wall: on the wall clock.
        cpu: of all threads of this process together; other processes on the machine change it much less.
    """

    wall: float = 0.0
    cpu: float = 0.0

    def __add__(self, other: Span) -> Span:
        return Span(self.wall + other.wall, self.cpu + other.cpu)

    def __sub__(self, other: Span) -> Span:
        return Span(self.wall - other.wall, self.cpu - other.cpu)


Clock = Callable[[], Span]


def clock_of(device: torch.device) -> Clock:
    """A clock that waits for a device that works behind our back."""

    def now() -> Span:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return Span(time.perf_counter(), time.process_time())

    return now


class Stages:
    """Times what is done stage by stage: `with stages("network"): ...`.

    Attributes:
        spans: by stage, in the order of their beginnings; one within another is called "outer/inner". What is done
            several times has the sum.
    """

    def __init__(self, clock: Clock) -> None:
        self.spans: dict[str, Span] = {}
        self._clock = clock
        self._open: list[str] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time one stage."""
        path = "/".join((*self._open, name))
        before = self.spans.setdefault(path, Span())
        self._open.append(name)
        begin = self._clock()
        try:
            yield
            self.spans[path] = before + (self._clock() - begin)
        finally:
            self._open.pop()
