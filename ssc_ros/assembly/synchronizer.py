"""Pairs the two images of a rig, and adds the LiDAR sweep that belongs to them.

It differs from message_filters' ApproximateTime in what users of that one miss: the slop is inclusive, the sweep may
be optional or required, nothing is dropped without a reason, time may jump backwards, and the callback runs outside
the lock. It speaks the same interface, `filter.registerCallback(synchronizer.add, "left")`.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

from ssc_ros.messages.drops import Drop
from ssc_ros.messages.stamps import header_stamp

LEFT, RIGHT, POINTS = "left", "right", "points"


@dataclass(frozen=True)
class SyncRules:
    """How inputs are put together; all times in ns.

    Attributes:
        slop: largest difference of stamp between left and right, inclusive. Below half the period of the camera, a
            lost image cannot make its partner pair with the next one.
        queue_size: messages of one stream that wait.
        points_slop: largest difference of stamp between left image and sweep, inclusive.
        grace_time: how long a pair waits for its sweep, by the wall clock.
        patience: how long it waits at least for a sweep that is required. The next sweep ends the wait, so this costs
            nothing while sweeps come, however late they are.
    """

    slop: int = 10_000_000
    queue_size: int = 10
    points_slop: int = 50_000_000
    grace_time: int = 50_000_000
    patience: int = 0


class _Stamped(NamedTuple):
    stamp: int
    message: Any


class _Pair(NamedTuple):
    stamp: int
    left: Any
    right: Any
    since: int


class Synchronizer:
    """Calls back with (left, right, points or None), in the order of stamps; O(1) per message.

    Each message is used at most once. Until then it is pending; if it never is, `dropped` learns the reason.
    """

    def __init__(
        self,
        rules: SyncRules,
        dropped: Callable[[Drop, int], None],
        points_expected: Callable[[], bool] = lambda: True,
        points_required: bool = False,
        late: Callable[[int], None] = lambda delay: None,
        stamp: Callable[[Any], int] = header_stamp,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Start with nothing pending.

        Args:
            rules: may be replaced at any time through the attribute of the same name.
            dropped: told the reason and how many messages it cost.
            points_expected: whether a pair shall wait for a sweep that is not required.
            points_required: drop a pair that gets no sweep, instead of letting it go without.
            late: told how long after the images a sweep came whose pair had not waited for it [ns].
            stamp: reads the stamp of a message [ns].
            clock: the wall clock [ns].
        """
        self.rules = rules
        self._dropped = dropped
        self._points_expected = points_expected
        self._points_required = points_required
        self._late = late
        self._stamp = stamp
        self._clock = clock
        self._callbacks: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._lock = Lock()
        self._queues: dict[str, deque[_Stamped]] = {LEFT: deque(), RIGHT: deque(), POINTS: deque()}
        self._newest: dict[str, int | None] = dict.fromkeys(self._queues)
        self._pairs: deque[_Pair] = deque()
        self._gone: deque[tuple[int, int]] = deque(maxlen=20)  # stamp and time of pairs that got no sweep
        self._delays: list[int] = []  # of sweeps that came after their pair had gone
        self._discarded: Counter[Drop] = Counter()

    def registerCallback(self, callback: Callable[..., None], *args: Any) -> None:
        """Call `callback(left, right, points, *args)` with each complete set."""
        self._callbacks.append((callback, args))

    def add(self, message: Any, stream: str) -> None:
        """Take a message of the stream "left", "right" or "points"."""
        with self._lock:
            self._insert(_Stamped(self._stamp(message), message), stream)
            self._match()
            ready = self._release()
            self._trim()
            discarded = self._take_discarded()
        self._deliver(ready, discarded)

    def poll(self) -> None:
        """Let pairs go whose grace time is over."""
        with self._lock:
            ready = self._release()
            discarded = self._take_discarded()
        self._deliver(ready, discarded)

    def reset(self, reason: Drop = Drop.TIME_JUMP) -> None:
        """Drop all that is pending for this reason."""
        with self._lock:
            self._forget(lambda stream, stamp: True, reason)
            discarded = self._take_discarded()
        self._deliver([], discarded)

    @property
    def wait(self) -> int:
        """How long a pair waits for its sweep [ns]."""
        return max(self.rules.grace_time, self.rules.patience if self._points_required else 0)

    @property
    def waiting(self) -> bool:
        """Whether a pair waits for its sweep, so that `poll` must be called after the grace time."""
        return bool(self._pairs)

    @property
    def pending(self) -> int:
        """Messages that are neither used nor dropped yet."""
        with self._lock:
            return sum(map(len, self._queues.values())) + 2 * len(self._pairs)

    def _insert(self, item: _Stamped, stream: str) -> None:
        newest = self._newest[stream]
        if newest is not None and item.stamp == newest:
            self._discarded[Drop.DUPLICATE] += 1
            return
        if newest is not None and item.stamp < newest:
            self._jump(item.stamp, stream)
        self._newest[stream] = item.stamp
        self._queues[stream].append(item)
        if stream == POINTS:
            self._note_delay(item.stamp)

    def _note_delay(self, stamp: int) -> None:
        """Note how late a sweep is, if a pair that it belongs to has gone."""
        now, slop = self._clock(), self.rules.points_slop
        waits = [now - since for gone, since in self._gone if abs(gone - stamp) <= slop]
        if waits and not any(abs(pair.stamp - stamp) <= slop for pair in self._pairs):
            self._delays.append(min(waits))

    def _jump(self, stamp: int, stream: str) -> None:
        """A stream went back to `stamp`; sweeps alone do not disturb the images."""
        if stream == POINTS:
            self._discarded[Drop.TIME_JUMP] += len(self._queues[POINTS])
            self._queues[POINTS].clear()
        else:
            # what another stream sent after its own jump is near the new time and stays
            near = {LEFT: self.rules.slop, RIGHT: self.rules.slop, POINTS: self.rules.points_slop, stream: 0}
            self._forget(lambda which, other: other > stamp + near[which])

    def _forget(self, condition: Callable[[str, int], bool], reason: Drop = Drop.TIME_JUMP) -> None:
        """Drop what is pending of the streams and stamps that `condition` names; no stream is late any more."""
        for stream, queue in self._queues.items():
            kept = [item for item in queue if not condition(stream, item.stamp)]
            self._discarded[reason] += len(queue) - len(kept)
            self._queues[stream] = deque(kept)
            self._newest[stream] = None
        self._gone.clear()
        pairs = [pair for pair in self._pairs if not condition(LEFT, pair.stamp)]
        self._discarded[reason] += 2 * (len(self._pairs) - len(pairs))
        self._pairs = deque(pairs)

    def _match(self) -> None:
        left, right = self._queues[LEFT], self._queues[RIGHT]
        while left and right:
            difference = left[0].stamp - right[0].stamp
            if abs(difference) <= self.rules.slop:
                first, second = left.popleft(), right.popleft()
                self._pairs.append(_Pair(first.stamp, first.message, second.message, self._clock()))
            else:
                # stamps only grow, so the older one has no partner any more
                (left if difference < 0 else right).popleft()
                self._discarded[Drop.UNPAIRED] += 1

    def _release(self) -> list[tuple[Any, Any, Any]]:
        ready = []
        while self._pairs:
            pair = self._pairs[0]
            points = self._take_points(pair.stamp)
            if points is None and self._may_still_come(pair):
                break
            self._pairs.popleft()
            if points is None:
                self._gone.append((pair.stamp, pair.since))
            if points is None and self._points_required:
                self._discarded[Drop.NO_CLOUD] += 2
            else:
                ready.append((pair.left, pair.right, points))
        return ready

    def _take_points(self, stamp: int) -> Any | None:
        """The sweep nearest to a stamp, within the slop; older ones are of no use to later pairs."""
        queue, slop = self._queues[POINTS], self.rules.points_slop
        while queue and (
            queue[0].stamp < stamp - slop
            or (len(queue) > 1 and abs(queue[1].stamp - stamp) <= abs(queue[0].stamp - stamp))
        ):
            queue.popleft()
            self._discarded[Drop.CLOUD_UNPAIRED] += 1
        return queue.popleft().message if queue and queue[0].stamp <= stamp + slop else None

    def _may_still_come(self, pair: _Pair) -> bool:
        """Whether to go on waiting for the sweep of a pair that has none yet."""
        if not (self._points_required or self._points_expected()):
            return False
        passed = bool(self._queues[POINTS])  # what is left in the queue is newer than the pair
        if passed or self._clock() - pair.since >= self.wait or len(self._pairs) > self.rules.queue_size:
            if not self._points_required:
                self._discarded[Drop.CLOUD_LATE] += 1
            return False
        return True

    def _trim(self) -> None:
        for stream, queue in self._queues.items():
            while len(queue) > self.rules.queue_size:
                queue.popleft()
                self._discarded[Drop.CLOUD_UNPAIRED if stream == POINTS else Drop.QUEUE_FULL] += 1

    def _take_discarded(self) -> Counter[Drop]:
        discarded, self._discarded = self._discarded, Counter()
        return +discarded

    def _deliver(self, ready: list[tuple[Any, Any, Any]], discarded: Counter[Drop]) -> None:
        """Tell the world, outside the lock; a callback that raises costs no other set its delivery."""
        for reason, count in discarded.items():
            self._dropped(reason, count)
        delays, self._delays = self._delays, []
        for delay in delays:
            self._late(delay)
        calls = [(callback, messages + args) for messages in ready for callback, args in self._callbacks]
        errors = [error for callback, args in calls if (error := _attempt(callback, args))]
        if errors:
            raise errors[0]


def _attempt(callback: Callable[..., None], args: tuple[Any, ...]) -> Exception | None:
    try:
        callback(*args)
    except Exception as error:
        return error
    return None
