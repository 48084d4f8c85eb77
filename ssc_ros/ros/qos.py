"""Quality of service: what is asked and offered, and what to say when it does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import (
    QoSCompatibility,
    QoSDurabilityPolicy,
    QoSPolicyKind,
    QoSProfile,
    QoSReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

SENSOR = QoSProfile(depth=5, reliability=QoSReliabilityPolicy.BEST_EFFORT)
"""Inputs: fits every publisher, and old data is worth nothing."""

LATEST = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.RELIABLE)
"""Grids: large, and only the newest counts."""

LATCHED = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.RELIABLE, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
"""Also for those who come later."""

LOG = QoSProfile(depth=10, reliability=QoSReliabilityPolicy.RELIABLE)
"""Small reports, of which none shall be lost."""


OVERRIDES = QoSOverridingOptions(
    (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY, QoSPolicyKind.DURABILITY)
)
"""What the parameters qos_overrides.<topic>.<publisher|subscription>.* may change."""


class QosWatch:
    """Notices endpoints that the middleware will never connect, and says what to change."""

    def __init__(self, node: Node, warn: Callable[[str], None]) -> None:
        self._node = node
        self._warn = warn

    def of_subscription(self, topic: str) -> SubscriptionEventCallbacks:
        """Callbacks for a subscription; `topic` as given to the node."""
        return SubscriptionEventCallbacks(incompatible_qos=lambda event: self._tell(self.unfit_publishers(topic)))

    def of_publisher(self, topic: str) -> PublisherEventCallbacks:
        """Callbacks for a publisher; `topic` as given to the node."""
        return PublisherEventCallbacks(incompatible_qos=lambda event: self._tell(self.unfit_subscribers(topic)))

    def unfit_publishers(self, topic: str) -> list[str]:
        """One sentence for each publisher whose messages our subscription will never get."""
        topic = self._node.resolve_topic_name(topic)
        ours = self._own(self._node.get_subscriptions_info_by_topic(topic))
        others = self._node.get_publishers_info_by_topic(topic)
        return [
            f"{_name(other)} publishes {topic} with a QoS that we do not accept ({reason}): set the parameter "
            f"qos_overrides.{topic}.subscription.reliability or .durability, or change the publisher"
            for other in others
            if (reason := _least([_conflict(other.qos_profile, mine.qos_profile) for mine in ours]))
        ]

    def unfit_subscribers(self, topic: str) -> list[str]:
        """One sentence for each subscription that will never get our messages."""
        topic = self._node.resolve_topic_name(topic)
        ours = self._own(self._node.get_publishers_info_by_topic(topic))
        others = self._node.get_subscriptions_info_by_topic(topic)
        return [
            f"{_name(other)} subscribes to {topic} with a QoS that we do not offer ({reason}): subscribe with "
            "reliability best_effort and durability volatile, or set the parameters "
            f"qos_overrides.{topic}.publisher.reliability and .durability"
            for other in others
            if (reason := _least([_conflict(mine.qos_profile, other.qos_profile) for mine in ours]))
        ]

    def _own(self, endpoints: list[Any]) -> list[Any]:
        me = self._node.get_name(), self._node.get_namespace()
        return [endpoint for endpoint in endpoints if (endpoint.node_name, endpoint.node_namespace) == me]

    def _tell(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self._warn(sentence)


def _name(endpoint: Any) -> str:
    return f"node '{endpoint.node_namespace.rstrip('/')}/{endpoint.node_name}'"


def _least(conflicts: list[str]) -> str:
    """The shortest reason of those for each of our endpoints; empty if one of them fits, or there is none."""
    return min(conflicts, key=len, default="")


def _conflict(offered: QoSProfile, requested: QoSProfile) -> str:
    """Why two profiles do not fit; empty if they do."""
    compatibility, reason = qos_check_compatible(offered, requested)
    return reason.removeprefix("ERROR: ").rstrip("; ") if compatibility == QoSCompatibility.ERROR else ""
