"""A loop on several threads."""

from __future__ import annotations

import threading

import pytest

from ssc_ros.kernels.threads import parallel_for


@pytest.mark.parametrize(("count", "threads"), [(10, 1), (10, 2), (11, 3), (100, 3), (2, 3), (0, 2)])
def test_ranges_make_up_the_whole(count: int, threads: int) -> None:
    done = []
    parallel_for(lambda begin, end: done.extend(range(begin, end)), count, threads)
    assert sorted(done) == list(range(count))


def test_ranges_run_parallel_for() -> None:
    together, places = threading.Barrier(3, timeout=10), []  # nobody passes alone
    parallel_for(lambda begin, end: places.append(together.wait()), 3, 3)
    assert sorted(places) == [0, 1, 2]


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_comes_through_when_all_have_ended(bad: int) -> None:
    ended = []

    def work(begin: int, end: int) -> None:
        if begin == bad:
            raise ValueError("no")
        ended.append(begin)

    with pytest.raises(ValueError, match="no"):
        parallel_for(work, 2, 2)
    assert ended == [1 - bad]


def test_a_thread_that_has_ended_one_piece_takes_the_next() -> None:
    free, ended = threading.Event(), []

    def work(begin: int, end: int) -> None:
        if begin == 0:
            assert free.wait(10)  # until all others have ended
        ended.append(begin)
        if len(ended) == 7:
            free.set()

    parallel_for(work, 8, 2)
    assert sorted(ended) == list(range(8))
    assert ended[-1] == 0
