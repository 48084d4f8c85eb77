"""A clock that moves when it is told to, and modules that tell it."""

from __future__ import annotations

from torch import nn

from ssc_ros.inference.stages import Span


class FakeClock:
    """CPU time goes twice as fast as the wall clock, as with two busy threads."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> Span:
        return Span(self.seconds, 2 * self.seconds)

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


class Takes(nn.Module):
    """A module that takes some seconds, and then runs another."""

    def __init__(self, clock: FakeClock, seconds: float, inner: nn.Module | None = None) -> None:
        super().__init__()
        self._clock, self._seconds, self.inner = clock, seconds, inner

    def forward(self) -> None:
        self._clock.wait(self._seconds)
        if self.inner is not None:
            self.inner()
