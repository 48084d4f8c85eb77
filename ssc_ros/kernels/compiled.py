"""How inner loops are compiled."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

from ssc_ros.core.files import user_cache


@cache
def _cache_folder(room: Path) -> Path | None:
    """A folder for compiled code that belongs to exactly the sources in a folder and here, or None where none can be
    written.

    Numba looks only at the file of a function, not at those of the functions compiled into it, so its default cache
    would keep stale code after a change in another file.
    """
    sources = sorted({*room.glob("*.py"), *Path(__file__).parent.glob("*.py")})
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    folder = user_cache() / "numba" / digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def kernel(function: Callable[..., Any]) -> Any:
    """Compile with numba: IEEE arithmetic, so that no way of inlining changes a pixel; cached on disk.

    A kernel may be called from several threads at once, and may call kernels of its own folder and of this one.
    """
    return _compile(function, set())


def fused_kernel(function: Callable[..., Any]) -> Any:
    """As `kernel`, but a product and the sum that it is part of may be rounded once, in one step."""
    return _compile(function, {"contract"})


def summing_kernel(function: Callable[..., Any]) -> Any:
    """As `fused_kernel`, but sums may be added up in another order, several terms at once: for training alone."""
    return _compile(function, {"contract", "reassoc", "nsz"})


def _compile(function: Callable[..., Any], fastmath: set[str]) -> Any:
    folder = _cache_folder(Path(inspect.getfile(function)).parent)
    previous = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder) if folder else previous
    try:
        compiled = numba.njit(cache=folder is not None, error_model="numpy", nogil=True, fastmath=fastmath)(function)
    finally:
        numba.config.CACHE_DIR = previous
    return compiled
