"""One line of what was looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was found of one thing.

    Attributes:
        what: the thing, in a word or two.
        text: what it is like; or what is wrong, and what to do.
        ok: whether nothing is wrong.
    """

    what: str
    text: str
    ok: bool = True


def wrong(what: str, text: str) -> Finding:
    """Return what has to be mended."""
    return Finding(what, text, ok=False)
