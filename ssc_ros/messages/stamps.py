"""Stamps as integers: no float holds the nanoseconds since 1970."""

from __future__ import annotations

from typing import Any

SECOND = 1_000_000_000
"""One second [ns]."""

STAMPS_END = (1 << 31) * SECOND
"""First stamp [ns] that a builtin_interfaces/Time cannot hold."""


def header_stamp(message: Any) -> int:
    """Return the stamp [ns] of a message with a std_msgs/Header."""
    stamp = message.header.stamp
    return int(stamp.sec) * SECOND + int(stamp.nanosec)


def seconds_and_nanoseconds(stamp: int) -> tuple[int, int]:
    """Split a stamp [ns] into the two fields of a builtin_interfaces/Time."""
    return divmod(stamp, SECOND)
