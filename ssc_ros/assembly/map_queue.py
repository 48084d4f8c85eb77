"""Gives each stereo set the class map of its left image, which another network publishes somewhat later."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ssc_ros.assembly.frames import StereoSet
from ssc_ros.assembly.settings import Settings
from ssc_ros.messages.drops import Drop
from ssc_ros.messages.stamps import SECOND, header_stamp


@dataclass(frozen=True)
class MapRules:
    """When a class map belongs to a set; all times in ns.

    Attributes:
        slop: largest difference of stamp between left image and map, inclusive.
        grace_time: how long a set waits for its map, by the wall clock.
        queue_size: sets, and maps, that wait.
    """

    slop: int = 10_000_000
    grace_time: int = 100_000_000
    queue_size: int = 10


def map_rules(settings: Settings) -> MapRules:
    """Return the rules by which class maps join stereo sets, in nanoseconds."""
    return MapRules(
        slop=round(settings.semantics.slop * SECOND),
        grace_time=round(settings.semantics.grace_time * SECOND),
        queue_size=settings.sync.queue_size,
    )


class _Waiting(NamedTuple):
    stamp: int
    inputs: StereoSet
    since: int


class MapQueue:
    """Hands each set on in the order in which sets come, with its map or, once that is late, without. For one thread.

    Attributes:
        rules: may be replaced at any time.
        longest_delay: how long after its set a map came that had not been waited for [ns].
    """

    def __init__(
        self,
        rules: MapRules,
        take: Callable[[StereoSet], None],
        without: Callable[[], None],
        dropped: Callable[[Drop, int], None],
        expected: Callable[[], bool] = lambda: True,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Start with nothing waiting.

        Args:
            rules: the first ones.
            take: takes each set.
            without: told of each set that goes without a map.
            dropped: told the reason and how many messages it cost.
            expected: whether somebody publishes maps, so that waiting makes sense.
            clock: the wall clock [ns].
        """
        self.rules = rules
        self.longest_delay = 0
        self._take, self._without, self._dropped = take, without, dropped
        self._expected, self._clock = expected, clock
        self._sets: deque[_Waiting] = deque()
        self._maps: deque[tuple[int, Any]] = deque()
        self._gone: deque[_Waiting] = deque(maxlen=20)  # sets that got no map

    @property
    def waiting(self) -> bool:
        """Whether a set waits for its map, so that `poll` must be called after the grace time."""
        return bool(self._sets)

    def add_set(self, inputs: StereoSet) -> None:
        """Take a set."""
        self._sets.append(_Waiting(header_stamp(inputs.left), inputs, self._clock()))
        self.poll()

    def add_map(self, message: Any) -> None:
        """Take a class map, a sensor_msgs/Image."""
        stamp = header_stamp(message)
        if self._maps and stamp < self._maps[-1][0]:  # time jumped back
            self._dropped(Drop.TIME_JUMP, len(self._maps))
            self._maps.clear()
        for gone in self._gone:
            if abs(gone.stamp - stamp) <= self.rules.slop:
                self.longest_delay = max(self.longest_delay, self._clock() - gone.since)
        self._maps.append((stamp, message))
        self.poll()
        while len(self._maps) > self.rules.queue_size:
            self._drop_oldest_map()

    def poll(self) -> None:
        """Let sets go that have their map, or whose grace time is over."""
        while self._sets:
            first = self._sets[0]
            message = self._take_map(first.stamp)
            if message is None and self._may_still_come(first):
                return
            self._sets.popleft()
            if message is None:
                self._gone.append(first)
                self._without()
            self._take(replace(first.inputs, semantics=message))

    def reset(self, reason: Drop) -> None:
        """Drop the sets that wait, both of their images, for this reason, and forget the maps."""
        if self._sets:
            self._dropped(reason, 2 * len(self._sets))
        for queue in (self._sets, self._maps, self._gone):
            queue.clear()

    def _take_map(self, stamp: int) -> Any | None:
        """The map nearest to a stamp, within the slop; older ones are of no use to later sets."""
        maps, slop = self._maps, self.rules.slop
        while maps and (
            maps[0][0] < stamp - slop or (len(maps) > 1 and abs(maps[1][0] - stamp) <= abs(maps[0][0] - stamp))
        ):
            self._drop_oldest_map()
        return maps.popleft()[1] if maps and maps[0][0] <= stamp + slop else None

    def _may_still_come(self, first: _Waiting) -> bool:
        """Whether to go on waiting for the map of a set that has none yet; one of a later set ends the wait."""
        passed = bool(self._maps)
        in_time = self._clock() - first.since < self.rules.grace_time
        return self._expected() and not passed and in_time and len(self._sets) <= self.rules.queue_size

    def _drop_oldest_map(self) -> None:
        self._maps.popleft()
        self._dropped(Drop.MAP_UNPAIRED, 1)
