"""A synchroniser with a clock in hand."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ssc_ros.assembly.synchronizer import Synchronizer, SyncRules
from ssc_ros.messages.drops import Drop

RULES = SyncRules(slop=10, queue_size=5, points_slop=50, grace_time=100)


class Message(NamedTuple):
    stream: str
    stamp: int
    number: int = 0


class Bench:
    """A synchroniser with a clock in hand, which remembers what came out."""

    def __init__(self, rules: SyncRules = RULES, points_expected: bool = True, points_required: bool = False) -> None:
        self.time = 0
        self.sets = []
        self.drops = Counter()
        self.delays: list[int] = []
        self.sync = Synchronizer(
            rules,
            self.count,
            lambda: points_expected,
            points_required,
            self.delays.append,
            stamp=lambda message: message.stamp,
            clock=lambda: self.time,
        )
        self.sync.registerCallback(lambda *messages: self.sets.append(messages))

    def count(self, reason: Drop, number: int) -> None:
        self.drops[reason] += number

    def add(self, stream: str, *stamps: int) -> None:
        for stamp in stamps:
            self.sync.add(Message(stream, stamp), stream)

    @property
    def stamps(self) -> list[tuple[int | None, ...]]:
        return [tuple(message and message.stamp for message in messages) for messages in self.sets]
