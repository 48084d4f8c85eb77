"""Lines by which the processes of a run say what they have seen, in the midst of their log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARK = "benchmark: "
CONNECTED, SENT, GRID, DROPS = "connected", "sent", "grid", "drops"
"""First words; others are names of stages of the node."""


def say(word: str, value: object) -> None:
    """Print a line."""
    print(f"{MARK}{json.dumps([word, value])}", flush=True)


def said(log: Path) -> Iterator[tuple[str, Any]]:
    """The words and values of all whole lines in a log."""
    for line in log.read_text(errors="replace").split("\n")[:-1]:
        if line.startswith(MARK):
            word, value = json.loads(line.removeprefix(MARK))
            yield word, value
