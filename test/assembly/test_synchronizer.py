"""The synchroniser on plain stamps: what it may pair, and that nothing is lost without a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssc_ros.assembly.synchronizer import LEFT, POINTS, RIGHT, SyncRules
from ssc_ros.messages.drops import Drop

from .synchronizer_bench import RULES, Bench, Message


def test_the_slop_is_inclusive() -> None:
    bench = Bench(points_expected=False)
    bench.add(LEFT, 100, 200)
    bench.add(RIGHT, 110, 211)
    assert bench.stamps == [(100, 110, None)]
    zero = Bench(SyncRules(slop=0), points_expected=False)
    zero.add(LEFT, 100)
    zero.add(RIGHT, 100)
    assert zero.stamps == [(100, 100, None)]


def test_an_image_whose_partner_was_lost_is_dropped_at_the_next_pair() -> None:
    bench = Bench(points_expected=False)
    bench.add(LEFT, 100, 200)
    bench.add(RIGHT, 200)
    assert bench.stamps == [(200, 200, None)]
    assert bench.drops == {Drop.UNPAIRED: 1}


def test_a_dead_side_drops_the_oldest() -> None:
    bench = Bench()
    bench.add(LEFT, *range(0, 800, 100))
    assert bench.drops == {Drop.QUEUE_FULL: 3}
    assert bench.sync.pending == 5


def test_a_pair_waits_for_its_sweep_and_takes_the_nearest() -> None:
    bench = Bench()
    bench.add(POINTS, 0, 60, 105)
    bench.add(LEFT, 100)
    bench.add(RIGHT, 100)
    assert bench.stamps == [(100, 100, 105)]
    bench.add(LEFT, 200)
    bench.add(RIGHT, 200)
    assert len(bench.sets) == 1
    assert bench.sync.waiting
    bench.add(POINTS, 150)
    assert bench.stamps[1:] == [(200, 200, 150)]
    assert bench.drops == {Drop.CLOUD_UNPAIRED: 2}


def test_a_late_sweep_degrades_to_stereo_after_the_grace_time() -> None:
    bench = Bench()
    bench.add(LEFT, 100)
    bench.add(RIGHT, 100)
    bench.time = 99
    bench.sync.poll()
    assert not bench.sets
    bench.time = 100
    bench.sync.poll()
    assert bench.stamps == [(100, 100, None)]
    bench.add(POINTS, 100)  # too late
    bench.add(LEFT, 200)
    bench.add(RIGHT, 200)
    assert bench.drops == {Drop.CLOUD_LATE: 1, Drop.CLOUD_UNPAIRED: 1}


@pytest.mark.parametrize("published", [True, False])
def test_a_pair_without_a_required_sweep_is_dropped_after_the_grace_time(published: bool) -> None:
    """Also while nobody publishes sweeps yet: a driver that starts late loses no pair that it is in time for."""
    bench = Bench(points_expected=published, points_required=True)
    bench.add(LEFT, 100)
    bench.add(RIGHT, 100)
    bench.time = 99
    bench.sync.poll()
    assert bench.sync.waiting
    bench.time = 100
    bench.sync.poll()
    assert bench.drops == {Drop.NO_CLOUD: 2}  # both images
    bench.add(LEFT, 200)
    bench.add(RIGHT, 200)
    bench.add(POINTS, 240)
    assert bench.stamps == [(200, 200, 240)]
    bench.add(LEFT, 300)
    bench.add(RIGHT, 300)
    bench.add(POINTS, 351)  # of a later pair
    assert bench.stamps == [(200, 200, 240)]
    assert bench.drops == {Drop.NO_CLOUD: 4}


def test_required_sweeps_that_are_late_cost_no_frame_while_patience_lasts() -> None:
    """Sweeps 80 ms after their images at 10 Hz, with a grace time of 50 ms: the defaults had lost such frames."""
    bench = Bench(points_required=True)
    bench.sync.rules = replace(RULES, grace_time=50, patience=250)
    for frame in range(20):
        bench.time = 100 * frame
        bench.add(LEFT, bench.time)
        bench.add(RIGHT, bench.time)
        for delay in (20, 50, 79):
            bench.time = 100 * frame + delay
            bench.sync.poll()
        bench.time = 100 * frame + 80
        bench.add(POINTS, 100 * frame)
    assert len(bench.sets) == 20
    assert not bench.drops


@pytest.mark.parametrize("required", [True, False])
def test_the_delay_of_a_sweep_that_came_too_late_is_told(required: bool) -> None:
    bench = Bench(points_required=required)
    bench.time = 1000
    bench.add(LEFT, 100)
    bench.add(RIGHT, 100)
    bench.time = 1000 + RULES.grace_time
    bench.sync.poll()
    bench.time = 1000 + 180
    bench.add(POINTS, 100)
    assert bench.delays == [180]
    bench.add(LEFT, 500)
    bench.add(RIGHT, 500)
    bench.add(POINTS, 500)  # in time
    assert bench.delays == [180]


def test_a_newer_sweep_ends_the_wait() -> None:
    bench = Bench()
    bench.add(LEFT, 100)
    bench.add(RIGHT, 100)
    bench.add(POINTS, 151)
    assert bench.stamps == [(100, 100, None)]
    assert bench.drops == {Drop.CLOUD_LATE: 1}


def test_nobody_waits_for_sweeps_that_nobody_publishes() -> None:
    bench = Bench(points_expected=False)
    bench.add(LEFT, 100)
    bench.add(RIGHT, 100)
    assert bench.stamps == [(100, 100, None)]
    assert not bench.drops


@pytest.mark.parametrize("first", [LEFT, RIGHT])
def test_pairs_go_on_after_a_bag_loops(first: str) -> None:
    second = RIGHT if first == LEFT else LEFT
    bench = Bench(points_expected=False)
    bench.add(RIGHT, 900)
    bench.add(LEFT, *range(1000, 1500, 100))  # a full queue, as message_filters cannot leave it
    bench.add(first, 0)
    bench.add(second, 0)
    bench.add(first, 100)
    bench.add(second, 100)
    assert bench.stamps == [(0, 0, None), (100, 100, None)]
    assert bench.drops == {Drop.UNPAIRED: 1, Drop.TIME_JUMP: 5}


def test_a_sweep_clock_that_jumps_costs_no_image() -> None:
    bench = Bench()
    bench.add(LEFT, 1000)
    bench.add(POINTS, 1000, 10)
    bench.add(RIGHT, 1000)
    bench.time = RULES.grace_time
    bench.sync.poll()
    assert bench.stamps == [(1000, 1000, None)]
    assert bench.drops == {Drop.TIME_JUMP: 1, Drop.CLOUD_LATE: 1, Drop.CLOUD_UNPAIRED: 1}


def test_reset_forgets_everything_and_counts_it() -> None:
    bench = Bench()
    bench.add(LEFT, 100, 200)
    bench.add(RIGHT, 100)
    bench.add(POINTS, 10, 20)
    bench.sync.reset()
    assert bench.sync.pending == 0
    assert not bench.sets
    assert bench.drops == {Drop.CLOUD_UNPAIRED: 2, Drop.TIME_JUMP: 3}


def test_a_callback_that_raises_leaves_the_synchroniser_usable() -> None:
    bench = Bench(points_expected=False)

    def broken(*messages: object) -> None:
        raise RuntimeError("mine, not yours")

    bench.sync.registerCallback(broken)
    bench.add(LEFT, 100)
    with pytest.raises(RuntimeError, match="mine"):
        bench.add(RIGHT, 100)
    bench.add(LEFT, 200)
    with pytest.raises(RuntimeError, match="mine"):
        bench.add(RIGHT, 200)
    assert len(bench.sets) == 2


def test_the_callback_may_use_the_synchroniser() -> None:
    """It runs outside the lock, so a message that arrives meanwhile does not wait for it."""
    bench = Bench(points_expected=False)
    bench.sync.registerCallback(lambda *messages: bench.add(LEFT, messages[0].stamp + 100))
    bench.add(LEFT, 100)
    bench.add(RIGHT, 100)
    assert bench.sync.pending == 1


def test_it_stands_behind_a_message_filters_subscriber() -> None:
    class SimpleFilter:  # the two methods of message_filters.SimpleFilter
        def __init__(self) -> None:
            self.callbacks = {}

        def registerCallback(self, callback: Callable[..., Any], *args: object) -> None:
            self.callbacks[len(self.callbacks)] = (callback, args)

        def signalMessage(self, *messages: object) -> None:
            for callback, args in self.callbacks.values():
                callback(*messages, *args)

    bench = Bench(points_expected=False)
    filters = {stream: SimpleFilter() for stream in (LEFT, RIGHT)}
    for stream, source in filters.items():
        source.registerCallback(bench.sync.add, stream)
        source.signalMessage(Message(stream, 7))
    assert bench.stamps == [(7, 7, None)]


streams = st.sampled_from([LEFT, RIGHT, POINTS])
histories = st.lists(
    st.one_of(
        st.tuples(streams, st.integers(0, 1000)),  # any order of stamps, jumps and duplicates included
        st.tuples(st.just("wait"), st.integers(0, 120)),
        st.tuples(st.just("reset"), st.just(0)),
    ),
    max_size=80,
)


@given(histories, st.booleans(), st.booleans())
def test_every_message_is_used_once_or_pending_or_dropped(
    history: list[tuple[str, int]], points_expected: bool, points_required: bool
) -> None:
    bench = Bench(points_expected=points_expected, points_required=points_required)
    sent = 0
    for action, value in history:
        if action == "wait":
            bench.time += value
            bench.sync.poll()
        elif action == "reset":
            bench.sync.reset()
        else:
            bench.sync.add(Message(action, value, sent), action)
            sent += 1
    used = [message for messages in bench.sets for message in messages if message]
    dropped = sum(count for reason, count in bench.drops.items() if reason is not Drop.CLOUD_LATE)
    assert len(used) + bench.sync.pending + dropped == sent
    assert len({message.number for message in used}) == len(used)
    for left, right, points in bench.sets:
        assert (left.stream, right.stream) == (LEFT, RIGHT)
        assert abs(left.stamp - right.stamp) <= RULES.slop
        assert not (points is None and points_required)
        assert points is None or (points.stream == POINTS and abs(points.stamp - left.stamp) <= RULES.points_slop)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40, unique=True), st.data())
def test_as_many_pairs_as_any_order_of_two_streams_allows(frames: list[int], data: st.DataObject) -> None:
    """Frames of period 100 with jitter below the slop and random losses: each frame that has both sides is paired."""
    frames = sorted(frames)
    kept = {side: [f for f in frames if data.draw(st.booleans(), label=f"{side} {f}")] for side in (LEFT, RIGHT)}
    jitter = {(side, f): data.draw(st.integers(0, RULES.slop)) for side in kept for f in kept[side]}
    arrivals = sorted((f, order, side) for order, side in enumerate((LEFT, RIGHT)) for f in kept[side])
    bench = Bench(points_expected=False)
    for f, _, side in arrivals:
        bench.add(side, 100 * f + jitter[side, f])
    assert [left // 100 for left, _, _ in bench.stamps] == sorted(set(kept[LEFT]) & set(kept[RIGHT]))
