"""One loop on several threads: what `core.compiled` compiles holds no lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Of this process: a child that was forked has none of its parent's threads."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="loop")


def at_once(work: Callable[[int, int], object], count: int, threads: int, pieces: int = 1) -> None:
    """Call `work(begin, end)` for ranges of equal length that make up range(count), on several threads, this one too.

    Args:
        work: may be called from several threads at once; a compiled loop, else the threads wait for each other.
        count: how much there is to do.
        threads: how many work.
        pieces: ranges for each thread; several where ranges of one length differ in work: a thread that has ended one
            takes the next.

    Raises:
        Exception: what `work` raised first, after all ranges have ended.
    """
    total = threads * pieces
    ranges = iter(list(pairwise(count * i // total for i in range(total + 1))))  # which one thread at a time advances
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
