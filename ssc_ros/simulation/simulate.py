"""Simulates whole data sets, on several processes, resuming where an earlier run stopped."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

import cv2

from ssc_ros.simulation.sequence import SequenceJob

CHUNK = 10
"""Consecutive frames that one process makes at a time; they share a window of the world."""


def simulate(jobs: Sequence[SequenceJob], processes: int) -> Iterator[tuple[int, int]]:
    """Make sequences, one after the other.

    What is written depends on the jobs alone: neither on the number of processes nor on interruptions.

    Args:
        jobs: the sequences.
        processes: how many to use; 1 works in this process.

    Yields:
        Steps done and steps in all, after every step.

    Raises:
        SscError: a folder cannot be used.
    """
    total = sum(len(job.swept_frames) + len(job.voxel_frames) for job in jobs)
    done = 0
    for job in jobs:
        job.begin()
    with _Workers(processes) as workers:
        for job in jobs:
            if not job.finished:
                for count in workers.run(_sense, job, job.swept_frames):
                    done += count
                    yield done, total
            else:
                done += len(job.swept_frames)
            for count in workers.run(_complete, job, job.voxel_frames):
                done += count
                yield done, total
            job.finish()


class _Workers:
    """Runs a function over chunks of frames, in this process or in others."""

    def __init__(self, processes: int) -> None:
        self._pool = None
        self._processes = processes
        if processes > 1:
            context = multiprocessing.get_context("spawn")  # forked children would inherit locked thread pools
            self._pool = ProcessPoolExecutor(processes, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,))

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def run(self, function, job: SequenceJob, frames: range) -> Iterator[int]:  # noqa: ANN001
        """Sizes of the chunks as they are finished."""
        size = min(CHUNK, max(1, len(frames) // self._processes))
        chunks = [frames[i : i + size] for i in range(0, len(frames), size)]
        if self._pool is None:
            for chunk in chunks:
                for frame in chunk:
                    function(job, range(frame, frame + 1))
                    yield 1
            return
        pending: dict[Future[None], int] = {self._pool.submit(function, job, c): len(c) for c in chunks}
        while pending:
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                yield pending.pop(future)


def _sense(job: SequenceJob, frames: range) -> None:
    for frame in frames:
        job.sense(frame)


def _complete(job: SequenceJob, frames: range) -> None:
    for frame in frames:
        job.complete(frame)
