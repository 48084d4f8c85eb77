"""How the simulator's inner loops are compiled."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba


def _cache_folder() -> Path | None:
    """A folder for compiled code that belongs to exactly these sources, or None where none can be written.

    Numba looks only at the file of a function, not at those of the functions compiled into it, so its default cache
    would keep stale code after a change in another file.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(s.read_bytes() for s in sources)).hexdigest()[:16]
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "ssc_ros" / "numba" / digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


_FOLDER = _cache_folder()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile with numba: IEEE arithmetic, so that no way of inlining changes a pixel; cached on disk."""
    previous = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_FOLDER) if _FOLDER else previous
    try:
        compiled = numba.njit(cache=_FOLDER is not None, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = previous
    return compiled
