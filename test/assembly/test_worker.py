"""The threads of the node's work: the newest items, in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from ssc_ros.assembly.worker import LatestWorker


class Gate:
    """Work that does not go on before it may.

    Attributes:
        begun, open: events.
        done: items, in the order in which they were.
    """

    def __init__(self) -> None:
        self.begun, self.open, self.done = threading.Event(), threading.Event(), []

    def __call__(self, item: int) -> None:
        self.begun.set()
        assert self.open.wait(10)
        self.done.append(item)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize(("waiting", "processed"), [(1, [0, 6]), (3, [0, 4, 5, 6])])
def test_of_those_that_wait_the_oldest_makes_room_and_is_counted(waiting: int, processed: list[int]) -> None:
    gate, replaced = Gate(), []
    worker = LatestWorker([gate], lambda: replaced.append(1), waiting)
    worker.offer(0)
    assert gate.begun.wait(10)
    for item in range(1, 7):
        worker.offer(item)
    gate.open.set()
    until(lambda: len(gate.done) + len(replaced) == 7)
    worker.close()
    assert gate.done == processed
    assert len(replaced) == 7 - len(processed)


def test_what_is_discarded_is_forgotten_but_for_what_is_in_work() -> None:
    gate = Gate()
    worker = LatestWorker([gate], lambda: None)
    worker.offer(4)
    assert gate.begun.wait(10)
    worker.offer(5)
    threading.Timer(0.05, gate.open.set).start()
    worker.discard()
    assert gate.done == [4]
    worker.close()
    assert gate.done == [4]


def test_items_are_in_work_at_once_and_finished_in_the_order_in_which_they_came() -> None:
    second_done, finished, threads = threading.Event(), [], set()

    def process(item: int) -> Callable[[], None]:
        threads.add(threading.current_thread())
        if item == 0:
            assert second_done.wait(10)
        else:
            second_done.set()
        return lambda: finished.append(item)

    worker = LatestWorker([process, process], lambda: None)
    worker.offer(0)
    worker.offer(1)
    until(lambda: len(finished) == 2)
    worker.close()
    assert finished == [0, 1]
    assert len(threads) == 2
