"""Threads that always work on the newest items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
Finish = Callable[[], None]
"""What is left to do for an item once those before it are finished."""


class LatestWorker(Generic[Item]):
    """Works on as many items at once as it has threads; of those that wait, a newer one takes the place of the oldest.

    So the age of what is processed stays bounded, however fast items come. They are finished in the order in which they
    came.
    """

    def __init__(
        self,
        processes: Sequence[Callable[[Item], Finish | None]],
        replaced: Callable[[], None],
        waiting: int = 1,
        name: str = "inference",
    ) -> None:
        """Start the threads.

        Args:
            processes: one for each thread, which calls it, and then in turn what it returns; must not raise.
            replaced: called (by `offer`) for each item that was never processed because a newer one came.
            waiting: how many may wait while all threads are at work.
            name: of the threads.
        """
        self._replaced = replaced
        self._waiting: deque[Item] = deque()
        self._room = waiting + len(processes)
        self._taken = self._finished = 0
        self._closed = False
        self._changed = Condition()
        self._threads = [Thread(target=self._run, args=(process,), name=name, daemon=True) for process in processes]
        for thread in self._threads:
            thread.start()

    def offer(self, item: Item) -> None:
        """Let an item wait for a thread; returns at once."""
        with self._changed:
            self._waiting.append(item)
            full = len(self._waiting) + self._taken - self._finished > self._room
            if full:
                self._waiting.popleft()
            self._changed.notify_all()
        if full:
            self._replaced()

    def discard(self) -> None:
        """Forget what waits, and wait until the items in work are done."""
        with self._changed:
            self._waiting.clear()
            self._changed.wait_for(lambda: self._finished == self._taken)

    def close(self) -> None:
        """End the threads after the items in work."""
        with self._changed:
            self._waiting.clear()
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self, process: Callable[[Item], Finish | None]) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                item = self._waiting.popleft()
                turn, self._taken = self._taken, self._taken + 1
            finish: Finish | None = None
            try:
                finish = process(item)
            finally:
                del item  # images are large; do not hold them until the next ones come
                self._finish(turn, finish)

    def _finish(self, turn: int, finish: Finish | None) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._finished == turn)
        try:
            if finish is not None:
                finish()
        finally:
            with self._changed:
                self._finished += 1
                self._changed.notify_all()
