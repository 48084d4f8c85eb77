"""Memory that nobody uses any more: the GNU C library keeps it; others are left as they are."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8
"""Of malloc.h."""


def share() -> None:
    """Let all threads that begin from now on allocate where the others do, and find there what these have freed.

    Else a network that was warmed up in one thread needs as much memory again in the next one, which a virtual machine
    may have to ask its host for: a frame took twice as long.
    """
    limit = getattr(ctypes.CDLL(None), "mallopt", None)
    if limit is not None:
        limit(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Return to the system what has been freed."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
