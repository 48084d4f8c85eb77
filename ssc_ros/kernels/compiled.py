"""Decorators that compile inner loops with numba, cached on disk."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.event import Event, Listener, install_listener

from ssc_ros.core.files import user_cache

_HERE = Path(__file__).resolve().parent
_PACKAGE = _HERE.parent


def _sources(file: Path) -> Iterator[Path]:
    """Yield the files whose code may be compiled into a kernel of a file.

    Those of this room, and of the file's room of the package, with sub-rooms; outside of the package, of its folder.
    """
    yield from _HERE.glob("*.py")
    if file.is_relative_to(_PACKAGE):
        yield from (_PACKAGE / file.relative_to(_PACKAGE).parts[0]).rglob("*.py")
    else:
        yield from file.parent.glob("*.py")


@cache
def _digest(sources: frozenset[Path]) -> str:
    return hashlib.sha256(b"".join(source.read_bytes() for source in sorted(sources))).hexdigest()[:16]


def _cache_folder(file: Path) -> Path | None:
    """Return the folder for compiled code that belongs to exactly the sources of a file's kernels.

    Numba compares the file of a function alone, not the files of the kernels and constants that are compiled into it:
    its default cache would keep stale code after a change in another file.

    Returns:
        None where no folder can be written.
    """
    folder = user_cache() / "numba" / _digest(frozenset(_sources(file)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


class _FirstCompilation(Listener):  # type: ignore[misc]  # numba has no types
    """Calls back when the first loop is about to be compiled; one that comes from the cache is not."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell: Callable[[], None] | None = tell

    def on_start(self, event: Event) -> None:
        """Tell of the first event alone."""
        tell, self._tell = self._tell, None
        if tell is not None:
            tell()

    def on_end(self, event: Event) -> None:
        """Do nothing."""


@contextmanager
def first_compilation(tell: Callable[[], None]) -> Iterator[None]:
    """Call back, while the context is open, when the first loop is compiled that no start before has left on disk."""
    with install_listener("numba:compile", _FirstCompilation(tell)):
        yield


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function with numba in IEEE arithmetic, so that inlining changes no bit of a result.

    A kernel may run on several threads at once. It may call kernels, and use constants, of its own room of the package
    (`ssc_ros/networks`, say, with all sub-rooms) and of `ssc_ros.kernels`: after a change in one of those files it is
    compiled anew.
    """
    return _compile(function, set())


def fused_kernel(function: Callable[..., Any]) -> Any:
    """Compile as `kernel` does, with fused multiply-add: a product and its sum may be rounded once."""
    return _compile(function, {"contract"})


def summing_kernel(function: Callable[..., Any]) -> Any:
    """As `fused_kernel`, but sums may be added up in another order, several terms at once: for training alone."""
    return _compile(function, {"contract", "reassoc", "nsz"})


def _compile(function: Callable[..., Any], fastmath: set[str]) -> Any:
    folder = _cache_folder(Path(inspect.getfile(function)).resolve())
    previous = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder) if folder else previous
    try:
        compiled = numba.njit(cache=folder is not None, error_model="numpy", nogil=True, fastmath=fastmath)(function)
    finally:
        numba.config.CACHE_DIR = previous
    return compiled
