"""Class maps of the left image, which another network publishes: joined to the stereo sets that they belong to."""

from __future__ import annotations

import math
from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Image

from ssc_ros.assembly.drop_counter import DropCounter
from ssc_ros.assembly.frames import StereoSet
from ssc_ros.assembly.map_queue import MapQueue, MapRules, map_rules
from ssc_ros.assembly.settings import Settings
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.stamps import SECOND
from ssc_ros.ros.subscriptions import Subscriptions, Topic


class MapInput:
    """Holds each stereo set back until its class map is there or late."""

    def __init__(
        self,
        node: Node,
        subscriptions: Subscriptions,
        settings: Settings,
        enabled: bool,
        drops: DropCounter,
        take: Callable[[StereoSet], None],
    ) -> None:
        """Subscribe.

        Args:
            node: owns the timer.
            subscriptions: get the topic `semantics.topic`.
            settings: the current ones.
            enabled: whether to listen; if not, sets are handed on at once.
            drops: where maps that do not come are counted.
            take: takes each set, with its map where it has one.
        """
        self._node, self._drops, self._take = node, drops, take
        self._queue = MapQueue(MapRules(), take, self._explain_absence, drops.add, self._expected)
        self._grace = node.create_timer(1.0, self._poll, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._grace.cancel()  # it runs only while a set waits for its map
        self._topic: Topic | None = None
        if enabled:
            self._topic = subscriptions.listen(Image, settings.semantics.topic, self._queue.add_map)
        self.apply(settings)

    def add(self, inputs: StereoSet) -> None:
        """Take a set."""
        if self._topic is None:
            self._take(inputs)
            return
        self._queue.add_set(inputs)
        if self._queue.waiting and self._grace.is_canceled():
            self._grace.reset()

    def apply(self, settings: Settings) -> None:
        """Use new settings, as far as they apply at once."""
        self._queue.rules = map_rules(settings)
        self._grace.timer_period_ns = max(self._queue.rules.grace_time // 4, 1_000_000)

    def reset(self, reason: Drop) -> None:
        """Drop the sets that wait."""
        self._queue.reset(reason)

    def destroy(self) -> None:
        """Stop waiting; the subscription is the node's."""
        self._node.destroy_timer(self._grace)

    def _poll(self) -> None:
        self._queue.poll()
        if not self._queue.waiting:
            self._grace.cancel()

    def _expected(self) -> bool:
        return self._topic is not None and self._topic.published

    def _explain_absence(self) -> None:
        """Say why a frame has no class map, and what helps."""
        topic = self._topic.name if self._topic else ""
        wait, delay = self._queue.rules.grace_time / SECOND, self._queue.longest_delay
        if not self._expected():
            text = f"nobody publishes {topic}: start the segmentation, or leave semantics.topic empty"
        elif delay:
            advised = math.ceil(1.25e2 * delay / SECOND) / 100
            text = (
                f"class maps of {topic} come up to {delay / SECOND:.3f} s after their images, and images wait {wait:g} "
                f"s: set semantics.grace_time to {advised:g} or more"
            )
        else:
            text = (
                f"no class map of {topic} with the stamp of the left image came within semantics.grace_time = {wait:g} "
                "s; give each map the stamp of its image"
            )
        self._drops.explain(UnusableInput(Drop.MAP_LATE, f"{text}. The network's own segmenter tells the classes"))
