"""The synchroniser as a filter of a message_filters graph, where that package is installed (it is not on PyPI)."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from itertools import count
from typing import Any

from message_filters import SimpleFilter

from ssc_ros.assembly.synchronizer import LEFT, POINTS, RIGHT, Synchronizer, SyncRules
from ssc_ros.messages.drops import Drop


class Connection(int):
    """A registered callback: the number that message_filters gives it, and what ends it."""

    _callbacks: MutableMapping[int, Any]

    @staticmethod
    def of(number: int, callbacks: MutableMapping[int, Any]) -> Connection:
        """The connection of a number among a filter's callbacks."""
        connection = Connection(number)
        connection._callbacks = callbacks
        return connection

    def disconnect(self) -> None:
        """Call back no more; nothing happens the second time."""
        self._callbacks.pop(self, None)


class StereoFilter(SimpleFilter):
    """Pairs left and right images, with the LiDAR sweep where a third filter gives sweeps; see `Synchronizer`.

    It stands where an ApproximateTimeSynchronizer would, and calls back with as many messages as it has inputs; the
    third one is None for a pair whose sweep has not come. Sweeps need `poll`, from a timer.
    """

    def __init__(
        self,
        fs: Sequence[Any],
        rules: SyncRules | None = None,
        dropped: Callable[[Drop, int], None] = lambda reason, number: None,
    ) -> None:
        """Connect the inputs.

        Args:
            fs: the filters of left and right images, and perhaps of sweeps.
            rules: of the synchroniser; None: its own.
            dropped: told the reason, and how many messages it cost.
        """
        super().__init__()
        self._numbers = count()
        self._inputs: list[tuple[Any, Any]] = []
        self.synchronizer = Synchronizer(rules or SyncRules(), dropped, lambda: len(self._inputs) > 2)
        self.synchronizer.registerCallback(lambda *messages: self.signalMessage(*messages[: len(self._inputs)]))
        self.connectInput(fs)

    def connectInput(self, fs: Sequence[Any]) -> None:
        """Listen to these filters, and to no others any more.

        Raises:
            ValueError: neither two nor three.
        """
        if len(fs) not in (2, 3):
            raise ValueError(f"expected the filters of left, right and perhaps points, got {len(fs)}")
        for source, number in self._inputs:
            source.callbacks.pop(number, None)
        streams = (LEFT, RIGHT, POINTS)
        self._inputs = [
            (source, source.registerCallback(self.synchronizer.add, stream))
            for source, stream in zip(fs, streams, strict=False)
        ]

    def registerCallback(self, callback: Callable[..., None], *args: Any) -> Connection:
        """Call `callback(left, right[, points], *args)` with each complete set."""
        number = next(self._numbers)  # never one that was disconnected, as that of message_filters may be
        self.callbacks[number] = (callback, args)
        return Connection.of(number, self.callbacks)

    def poll(self) -> None:
        """Let pairs go whose sweep is not worth waiting for any longer."""
        self.synchronizer.poll()
