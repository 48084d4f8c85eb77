"""The topics that the node listens to: each is subscribed to once, however many branches take its messages."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.subscription import Subscription

from ssc_ros.assembly.statistics import Rate
from ssc_ros.assembly.watchdog import InputState
from ssc_ros.messages.stamps import header_stamp
from ssc_ros.ros.qos import LATCHED, OVERRIDES, SENSOR, QosWatch

Take = Callable[[Any], None]
"""Takes a message."""


@dataclass
class Topic:
    """One subscribed topic.

    Attributes:
        subscription: its topic is resolved.
        kind: class of the message.
        type_name: such as "sensor_msgs/msg/Image".
        takers: get each message, in this order.
        rate: of arrival.
        newest: the last message, or None.
        reported: messages that the last `state` had counted, for each who asks.
        latched: hears what was published before we came, too; None for topics where that is worth nothing.
    """

    subscription: Subscription
    kind: Any
    type_name: str
    takers: list[Take]
    rate: Rate = field(default_factory=Rate)
    newest: Any | None = None
    reported: dict[str, int] = field(default_factory=dict)
    latched: Subscription | None = None

    @property
    def name(self) -> str:
        """Resolved name."""
        return str(self.subscription.topic_name)

    @property
    def published(self) -> bool:
        """Whether the topic has a publisher."""
        return self.subscription.get_publisher_count() > 0


class Subscriptions:
    """All topics of the node; until `active` is set, messages are only counted and the newest is kept."""

    def __init__(self, node: Node, qos_watch: QosWatch) -> None:
        """Listen to nothing yet.

        Args:
            node: owns the subscriptions.
            qos_watch: told about publishers whose QoS does not fit.
        """
        self.active = False
        self._node = node
        self._qos_watch = qos_watch
        self._topics: dict[str, Topic] = {}

    def listen(self, kind: Any, name: str, take: Take | None = None, latched: bool = False) -> Topic:
        """Hand each message of a topic to one more taker; a topic that is new is subscribed to.

        Args:
            kind: class of the message.
            name: as given to the node, before remapping.
            take: gets the messages, on the executor's thread, while `active`; None only counts them.
            latched: also hear what a transient local publisher has published before.
        """
        if name not in self._topics:
            self._topics[name] = self._subscribe(kind, name)
        topic = self._topics[name]
        if latched and topic.latched is None:
            topic.latched = self._hear_latched(topic)
        if take is not None:
            topic.takers.append(take)
        return topic

    def state(self, topic: Topic, asker: str, ever: bool = False) -> InputState:
        """Return what came since the last call by the same asker, or, with `ever`, since the beginning."""
        received = topic.rate.total - (0 if ever else topic.reported.get(asker, 0))
        topic.reported[asker] = topic.rate.total
        return InputState(
            topic.name,
            topic.type_name,
            received,
            [publisher.topic_type for publisher in self._node.get_publishers_info_by_topic(topic.name)],
            self._qos_watch.unfit_publishers(topic.name),
            None if topic.newest is None else header_stamp(topic.newest),
        )

    @property
    def all(self) -> tuple[Topic, ...]:
        """Every topic, in the order of subscription."""
        return tuple(self._topics.values())

    def forget(self) -> None:
        """Forget the newest message of each topic; what is latched is asked for again."""
        for topic in self.all:
            topic.newest = None
            if topic.latched is not None:
                self._node.destroy_subscription(topic.latched)
                topic.latched = self._hear_latched(topic)

    def destroy(self) -> None:
        """Unsubscribe from everything."""
        for topic in self.all:
            self._node.destroy_subscription(topic.subscription)
            if topic.latched is not None:
                self._node.destroy_subscription(topic.latched)

    def _subscribe(self, kind: Any, name: str) -> Topic:
        subscription = self._node.create_subscription(
            kind,
            name,
            lambda message: self._take(self._topics[name], message),
            copy(SENSOR),  # rclpy writes the user's overrides into the profile that it is given
            event_callbacks=self._qos_watch.of_subscription(name),
            qos_overriding_options=OVERRIDES,
        )
        package, folder, _ = kind.__module__.split(".")
        return Topic(subscription, kind, f"{package}/{folder}/{kind.__name__}", [])

    def _take(self, topic: Topic, message: Any) -> None:
        topic.rate.tick()
        topic.newest = message
        if self.active:
            for take in topic.takers:
                take(message)

    def _hear_latched(self, topic: Topic) -> Subscription:
        """Subscribe once more: what is volatile does not fit this one, and the other one hears nothing old."""

        def callback(message: Any) -> None:
            if message != topic.newest:  # which the other one has heard
                self._take(topic, message)

        silent = SubscriptionEventCallbacks(use_default_callbacks=False)
        return self._node.create_subscription(topic.kind, topic.name, callback, copy(LATCHED), event_callbacks=silent)
