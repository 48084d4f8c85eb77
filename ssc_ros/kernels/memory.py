"""The memory of this process: how much it has, and the heap of the GNU C library; others are left as they are."""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")

_M_ARENA_MAX = -8
"""Of malloc.h."""


def share_arenas() -> None:
    """Let all threads that start from now on allocate from one arena, and reuse what other threads have freed there.

    With an arena for each thread, a network that was warmed up in one thread needs as much memory again in the next
    one. A virtual machine may have to ask its host for that memory: a frame took twice as long.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def trim_heap() -> None:
    """Return freed memory to the system."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


def resident_memory() -> int:
    """Return the physical memory of this process now [bytes]; 0 where the system does not tell."""
    return int(_STATM.read_text().split()[1]) * resource.getpagesize() if _STATM.exists() else 0


def peak_memory() -> int:
    """Return the largest physical memory of this process so far [bytes]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
