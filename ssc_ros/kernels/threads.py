"""A parallel for loop over threads: what `kernels.compiled` compiles releases Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

CHUNKS_PER_THREAD = 4


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the threads of this process: a forked child has none of its parent's."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="loop")


def parallel_for(work: Callable[[int, int], object], count: int, threads: int) -> None:
    """Call `work(begin, end)` for chunks of equal length that make up range(count), on several threads.

    The calling thread is one of them. A thread that has finished a chunk takes the next one (dynamic scheduling): a
    chunk may hold more work than others, and a thread may start late, as an idle thread of torch's keeps its core busy
    for a while.

    Args:
        work: may be called from several threads at once; a compiled loop, or else the threads wait for each other.
        count: length of the range.
        threads: how many work.

    Raises:
        Exception: the first that `work` raised, after all threads have ended.
    """
    chunks = threads * CHUNKS_PER_THREAD if threads > 1 else 1
    bounds = pairwise(count * i // chunks for i in range(chunks + 1))
    pending = iter([chunk for chunk in bounds if chunk[0] < chunk[1]])  # which one thread at a time advances
    others = [_pool(os.getpid()).submit(_run_chunks, work, pending) for _ in range(threads - 1)]
    try:
        _run_chunks(work, pending)
    finally:
        errors = [other.exception() for other in others]
    for error in errors:
        if error is not None:
            raise error


def _run_chunks(work: Callable[[int, int], object], pending: Iterator[tuple[int, int]]) -> None:
    for begin, end in pending:
        work(begin, end)
