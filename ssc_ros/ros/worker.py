"""One thread that always works on the newest item."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestWorker(Generic[Item]):
    """Processes items one at a time; an item that comes while another still waits takes its place.

    So the age of what is processed stays bounded by one item's work, however fast items come.
    """

    def __init__(self, process: Callable[[Item], None], replaced: Callable[[], None], name: str = "inference") -> None:
        """Start the thread.

        Args:
            process: called in the thread; must not raise.
            replaced: called (by `offer`) for each item that was never processed because a newer one came.
            name: of the thread.
        """
        self._process = process
        self._replaced = replaced
        self._slot: Item | None = None
        self._busy = False
        self._closed = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def offer(self, item: Item) -> None:
        """Put an item into the slot; returns at once."""
        with self._changed:
            waiting, self._slot = self._slot, item
            self._changed.notify_all()
        if waiting is not None:
            self._replaced()

    def discard(self) -> None:
        """Empty the slot and wait until the item in work is done."""
        with self._changed:
            self._slot = None
            self._changed.wait_for(lambda: not self._busy)

    @property
    def busy(self) -> bool:
        """Whether an item is in work or waits."""
        return self._busy or self._slot is not None

    def close(self) -> None:
        """End the thread after the item in work."""
        with self._changed:
            self._slot = None
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._slot is not None)
                if self._closed:
                    return
                item, self._slot = self._slot, None
                self._busy = True
            try:
                if item is not None:
                    self._process(item)
            finally:
                del item  # images are large; do not hold them until the next ones come
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
