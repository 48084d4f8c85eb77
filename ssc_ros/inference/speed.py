"""How long a network takes for a frame on this machine."""

from __future__ import annotations

import time

import numpy as np

from ssc_ros.core import Frame
from ssc_ros.core.resources import shipped_checkpoint
from ssc_ros.inference.completer import SceneCompleter

REPETITIONS = 10


def seconds_per_frame(frame: Frame, device: str = "auto", threads: int | None = None, backend: str = "auto") -> float:
    """Return the median time of the shipped network for a frame, stereo matching included [s].

    Args:
        frame: a pair of the size that the cameras send.
        device, threads, backend: see `SceneCompleter.from_checkpoint`.

    Raises:
        SscError: a device or backend that cannot be used.
    """
    completer = SceneCompleter.from_checkpoint(shipped_checkpoint(), device, threads, backend)
    completer.warm_up()
    times = []
    for _ in range(REPETITIONS):
        begin = time.perf_counter()
        completer.complete(frame, confidence=False)
        times.append(time.perf_counter() - begin)
    return float(np.median(times))
