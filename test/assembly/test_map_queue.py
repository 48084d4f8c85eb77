"""Class maps find their stereo sets, on plain stamps: what waits, what goes without, and in which order."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ssc_ros.assembly.frames import StereoSet
from ssc_ros.assembly.map_queue import MapQueue, MapRules, map_rules
from ssc_ros.assembly.settings import Settings
from ssc_ros.messages.drops import Drop
from ssc_ros.messages.stamps import header_stamp

RULES = MapRules(slop=10, grace_time=100, queue_size=5)


def message(stamp: int) -> Any:
    return SimpleNamespace(header=SimpleNamespace(stamp=SimpleNamespace(sec=0, nanosec=stamp)))


class Bench:
    """A queue with a clock in hand; `pairs` has the stamps of what came out."""

    def __init__(self, expected: bool = True) -> None:
        self.time, self.without = 0, 0
        self.pairs: list[tuple[int, int | None]] = []
        self.drops = Counter[Drop]()
        self.queue = MapQueue(RULES, self.take, self.go, self.count, lambda: expected, lambda: self.time)

    def go(self) -> None:
        self.without += 1

    def count(self, reason: Drop, number: int) -> None:
        self.drops[reason] += number

    def take(self, inputs: StereoSet) -> None:
        found = inputs.semantics
        self.pairs.append((header_stamp(inputs.left), None if found is None else header_stamp(found)))

    def sets(self, *stamps: int) -> None:
        for stamp in stamps:
            self.queue.add_set(StereoSet(message(stamp), message(stamp), None, None, None, 0))

    def maps(self, *stamps: int) -> None:
        for stamp in stamps:
            self.queue.add_map(message(stamp))


def test_a_set_waits_for_its_map_and_takes_the_nearest_within_the_slop() -> None:
    bench = Bench()
    bench.sets(1000)
    assert bench.queue.waiting
    assert not bench.pairs
    bench.maps(989)
    assert not bench.pairs
    bench.maps(1010)
    assert bench.pairs == [(1000, 1010)]
    bench.maps(1995, 2001)
    bench.sets(2000)
    assert bench.pairs[1:] == [(2000, 2001)]
    assert bench.drops == {Drop.MAP_UNPAIRED: 2}
    assert not bench.queue.waiting


def test_a_late_map_costs_the_grace_time_and_its_delay_is_known() -> None:
    bench = Bench()
    bench.sets(1000)
    bench.time = 99
    bench.queue.poll()
    assert not bench.pairs
    bench.time = 100
    bench.queue.poll()
    assert bench.pairs == [(1000, None)]
    assert bench.without == 1
    bench.time = 130
    bench.maps(1000)
    assert bench.queue.longest_delay == 130
    bench.sets(2000)
    bench.maps(2000)
    assert bench.pairs == [(1000, None), (2000, 2000)]


def test_nobody_waits_for_maps_that_nobody_publishes() -> None:
    bench = Bench(expected=False)
    bench.sets(1000, 2000)
    assert bench.pairs == [(1000, None), (2000, None)]
    assert bench.without == 2


def test_the_map_of_a_later_set_ends_the_wait() -> None:
    bench = Bench()
    bench.sets(1000, 2000, 3000)
    bench.maps(2000)
    assert bench.pairs == [(1000, None), (2000, 2000)]


def test_a_reset_drops_both_images_of_each_set_that_waits() -> None:
    bench = Bench()
    bench.sets(1000, 2000)
    bench.queue.reset(Drop.PAUSED)
    assert bench.drops == {Drop.PAUSED: 4}
    bench.maps(1000)
    assert not bench.pairs


def test_after_a_jump_back_the_maps_of_the_future_are_forgotten() -> None:
    bench = Bench()
    bench.maps(9000, 9100)
    bench.maps(1000)
    bench.sets(1000)
    assert bench.pairs == [(1000, 1000)]
    assert bench.drops == {Drop.TIME_JUMP: 2}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 60)), max_size=60))
def test_every_set_comes_out_once_in_order_and_no_map_twice(events: list[tuple[bool, int, int]]) -> None:
    bench, stamp, given_sets = Bench(), {True: 0, False: 0}, []
    for is_map, step, wait in events:
        stamp[is_map] += step + 1
        bench.time += wait
        if is_map:
            bench.maps(stamp[True])
        else:
            given_sets.append(stamp[False])
            bench.sets(stamp[False])
    bench.time += RULES.grace_time
    bench.queue.poll()
    assert [left for left, _ in bench.pairs] == given_sets
    found = [(left, seen) for left, seen in bench.pairs if seen is not None]
    assert all(abs(left - seen) <= RULES.slop for left, seen in found)
    assert len({seen for _, seen in found}) == len(found)
    assert bench.without == len(bench.pairs) - len(found)


def test_the_rules_are_those_of_the_settings() -> None:
    settings = Settings.from_values({"semantics.slop": 0.02, "semantics.grace_time": 0.3, "sync.queue_size": 7})
    assert map_rules(settings) == MapRules(slop=20_000_000, grace_time=300_000_000, queue_size=7)
