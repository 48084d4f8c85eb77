"""One loop on several threads: what `core.compiled` compiles holds no lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Of this process: a child that was forked has none of its parent's threads."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="loop")


def at_once(work: Callable[[int, int], object], count: int, threads: int) -> None:
    """Call `work(begin, end)` for ranges of equal length that make up range(count), each on a thread of its own.

    Args:
        work: may be called from several threads at once; a compiled loop, else the threads wait for each other.
        count: how much there is to do.
        threads: how many ranges; this thread takes the first.

    Raises:
        Exception: what `work` raised first, after all ranges have ended.
    """
    first, *others = pairwise(count * i // threads for i in range(threads + 1))
    running = [_pool(os.getpid()).submit(work, *part) for part in others]
    try:
        work(*first)
    finally:
        errors = [part.exception() for part in running]
    for error in errors:
        if error is not None:
            raise error
