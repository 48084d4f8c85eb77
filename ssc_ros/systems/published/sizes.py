"""How large the published networks are, by their own count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedSize:
    """What the published code counts.

    Attributes:
        parameters: of the network as its authors build it.
        remark: what of it is not here, and why.
    """

    parameters: int
    remark: str


_SGN = {"full_t": (28_157_507, 68_380), "full_s": (28_157_507, 68_380), "full_l": (12_499_203, 19_100)}
"""Preset -> parameters, and how many of them belong to layers that are never called."""

DISCARDED = {"full_t": 14_964_736, "full_s": 14_964_736, "full_l": 8_393_728}
"""Preset of SGN -> parameters of the last ResNet stage, which the published code builds and runs, and whose output it
discards. The published 28.2 M and 12.5 M include them; here they do not exist."""

PUBLISHED_SIZES: Mapping[tuple[str, str], PublishedSize] = {
    ("sgn", preset): PublishedSize(
        total,
        f"of which {DISCARDED[preset]:,} are a ResNet stage whose output is discarded, and {idle:,} layers that are "
        "never called; neither is built here",
    )
    for preset, (total, idle) in _SGN.items()
} | {
    ("htcl", "full"): PublishedSize(
        191_696_262,
        "of which 29,417,981 are constants and frozen pose networks without weights, 1,724,945 a searched matcher, for "
        "which another stands here, and 475,990 a head for points that does not run; poses are measured here",
    )
}
"""(system, preset) -> its published size, where it differs from ours for a reason."""
