"""What other processes take: CPU time and memory, as Linux counts them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssc_ros.profiling.machine import MEGABYTE

KILOBYTE = 1024


@dataclass(frozen=True)
class Sample:
    """A process at one moment.

    Attributes:
        time: [ns], by the machine's clock.
        cpu: user and system time of all its threads so far [s].
        resident: physical memory [MB].
        peak: the most that it ever had [MB].
    """

    time: int
    cpu: float
    resident: float
    peak: float


def sample(pid: int) -> list[Sample]:
    """A process now; nothing of one that has just ended."""
    folder = Path(f"/proc/{pid}")
    try:
        # proc(5): the name in parentheses may hold blanks; utime and stime are the 14th and 15th field
        counters = (folder / "stat").read_text().rpartition(")")[2].split()
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        resident, peak = (KILOBYTE * int(status[name].split()[0]) / MEGABYTE for name in ("VmRSS", "VmHWM"))
    except (OSError, KeyError):  # a zombie has no memory
        return []
    return [Sample(time.time_ns(), sum(map(int, counters[11:13])) / os.sysconf("SC_CLK_TCK"), resident, peak)]


@dataclass(frozen=True)
class Usage:
    """A process over some time.

    Attributes:
        cpu: seconds of user and system time in a second.
        resident: median of its physical memory [MB].
        peak: the most that it ever had, also before [MB].
        growth: of the median, from the second quarter of the time to the last [MB].
    """

    cpu: float
    resident: float
    peak: float
    growth: float

    @staticmethod
    def of(samples: Sequence[Sample]) -> Usage:
        """What at least two samples say."""
        first, last = samples[0], samples[-1]
        resident, quarter = [s.resident for s in samples], max(1, len(samples) // 4)
        growth = np.median(resident[-quarter:]) - np.median(resident[quarter : 2 * quarter])
        peak = max(last.peak, *resident)  # Linux counts the two in different ways, so that they differ by some pages
        seconds = 1e-9 * (last.time - first.time)
        return Usage((last.cpu - first.cpu) / seconds, float(np.median(resident)), peak, float(growth))
