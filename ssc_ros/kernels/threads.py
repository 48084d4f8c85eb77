"""One loop on several threads: what `core.compiled` compiles holds no lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

PIECES = 4
"""Ranges for each thread."""


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Of this process: a child that was forked has none of its parent's threads."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="loop")


def at_once(work: Callable[[int, int], object], count: int, threads: int) -> None:
    """Call `work(begin, end)` for ranges of equal length that make up range(count), on several threads, this one too.

    There are several ranges for each thread; one that has ended takes the next: a range may hold more work than others,
    and a thread may start late, as one of torch's keeps its core for a while when it has nothing to do.

    Args:
        work: may be called from several threads at once; a compiled loop, else the threads wait for each other.
        count: how much there is to do.
        threads: how many work.

    Raises:
        Exception: what `work` raised first, after all threads have ended.
    """
    pieces = threads * PIECES if threads > 1 else 1
    parts = pairwise(count * i // pieces for i in range(pieces + 1))
    ranges = iter([part for part in parts if part[0] < part[1]])  # which one thread at a time advances
    running = [_pool(os.getpid()).submit(_take, work, ranges) for _ in range(threads - 1)]
    try:
        _take(work, ranges)
    finally:
        errors = [part.exception() for part in running]
    for error in errors:
        if error is not None:
            raise error


def _take(work: Callable[[int, int], object], ranges: Iterator[tuple[int, int]]) -> None:
    for begin, end in ranges:
        work(begin, end)
