"""Simulates whole data sets, on several processes, resuming where an earlier run stopped."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager

import cv2

from ssc_ros.core import SscError
from ssc_ros.core.files import write_atomically
from ssc_ros.simulation.sequence import SequenceJob

Step = Callable[[SequenceJob, Sequence[int]], None]
"""Something to do for some frames of a job."""
CHUNK = 10
"""Consecutive frames that one process makes at a time; they share a window of the world."""
README = """\
Synth-KITTI: simulated streets in the layout of SemanticKITTI, written by `ssc-ros simulate`.
Each sequences/NN/simulation.json holds the version, the seed and the settings that give the same bytes again.
semantic_2/ holds the train ids of the left image (0: sky, 255: ignored). Nothing here was recorded in the real world.
"""


def simulate(jobs: Sequence[SequenceJob], processes: int) -> Iterator[tuple[int, int]]:
    """Simulate sequences, one after the other.

    What is written depends on the jobs alone: neither on the number of processes nor on interruptions.

    Args:
        jobs: the sequences.
        processes: how many to use; 1 works in this process.

    Yields:
        Steps done and steps in all, after every step.

    Raises:
        SscError: a folder holds something else, or cannot be written.
    """
    done, total = 0, sum(len(job.missing_frames) + len(job.voxel_frames) for job in jobs)
    try:
        for job in jobs:
            job.begin()
            write_atomically(job.root / "README.txt", README.encode())
        with _Workers(processes) as workers:
            for job in jobs:
                for step, frames in ((_sense, job.missing_frames), (_complete, job.voxel_frames)):
                    for count in workers.run(step, job, frames):
                        done += count
                        yield done, total
                job.finish()
    except OSError as error:
        raise SscError(f"cannot write to {error.filename}: {error.strerror}; choose another folder") from error


class _Workers:
    """Runs a function over chunks of frames, in this process or in others."""

    def __init__(self, processes: int) -> None:
        self._pool = None
        self._processes = processes
        if processes > 1:
            spawn = multiprocessing.get_context("spawn")  # forked children would inherit locked thread pools
            self._pool = ProcessPoolExecutor(processes, spawn, initializer=_prepare_worker)

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def run(self, function: Step, job: SequenceJob, frames: range) -> Iterator[int]:
        """Run a step over all frames; yield how many frames each finished chunk had."""
        size = min(CHUNK, max(1, len(frames) // self._processes))
        chunks = [frames[i : i + size] for i in range(0, len(frames), size)]
        if self._pool is None:
            for chunk in chunks:
                for frame in chunk:
                    function(job, range(frame, frame + 1))
                    yield 1
            return
        with _interrupts_ignored():  # which processes started here inherit, until they are prepared
            pending: dict[Future[None], int] = {self._pool.submit(function, job, c): len(c) for c in chunks}
        while pending:
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                yield pending.pop(future)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C for a while."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _prepare_worker() -> None:
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker without a traceback of its own


def _sense(job: SequenceJob, frames: Sequence[int]) -> None:
    for frame in frames:
        job.sense(frame)


def _complete(job: SequenceJob, frames: Sequence[int]) -> None:
    for frame in frames:
        job.complete(frame)
