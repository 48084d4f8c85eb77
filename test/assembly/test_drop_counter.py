"""Drops are counted, and explained now and then."""

from __future__ import annotations

from ssc_ros.assembly.drop_counter import DropCounter
from ssc_ros.messages.drops import Drop, UnusableInput


def test_drops_are_counted_always_and_explained_now_and_then() -> None:
    now, said = [0.0], []
    counter = DropCounter(said.append, quiet=5.0, clock=lambda: now[0])
    for now[0] in (0.0, 1.0, 4.9, 5.0, 5.1):
        counter.explain(UnusableInput(Drop.ENCODING, "yuv"))
    counter.explain(UnusableInput(Drop.FUTURE, "clock"))
    counter.add(Drop.CLOUD_LATE, 7)  # costs no frame
    counter.add(Drop.NO_CLOUD, 2)  # does
    assert counter.counts() == {Drop.FUTURE: 1, Drop.ENCODING: 5, Drop.NO_CLOUD: 2, Drop.CLOUD_LATE: 7}
    assert counter.frames == 8
    assert len(said) == 3
    assert "(4 so far): yuv" in said[1]
