"""The node that a replay plays for: whether it is ready, and what it has answered."""

from __future__ import annotations

import time
from collections.abc import Collection

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile

from ssc_ros.core import SscError
from ssc_ros.messages.stamps import header_stamp
from ssc_ros.messages.topics import NODE
from ssc_ros_msgs.msg import Status

STATUS_TOPIC = f"{NODE}/status"
POLL = 0.05
SETTLE = 0.5
"""What the other side gets to notice a connection that this side sees already [s]; what a best-effort reader is sent
before that is lost."""


class Listener:
    """Watches whoever subscribes to some topics, from the node that publishes them."""

    def __init__(self, node: Node, topics: Collection[str], answers: bool) -> None:
        """Watch.

        Args:
            node: publishes the topics; it is spun here and nowhere else.
            topics: without a subscriber to each of them there is no point in playing.
            answers: whether to listen to the status that the node publishes about each grid.
        """
        self._node = node
        self._topics = topics
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._answered = -1
        self._answers = answers
        if answers:
            self._status = node.create_subscription(Status, STATUS_TOPIC, self._take, QoSProfile(depth=10))

    def wait_until_ready(self, timeout: float) -> None:
        """Wait until all topics are subscribed to, by nodes that are active.

        Raises:
            SscError: that has not happened after `timeout` [s].
        """
        deadline = time.monotonic() + timeout
        while reason := self._not_ready():
            if time.monotonic() > deadline:
                raise SscError(
                    f"after {timeout:g} s {reason}; start `ssc-ros node` with the same ROS_DOMAIN_ID, activate it, and "
                    "remap its inputs to these topics"
                )
            self._executor.spin_once(timeout_sec=POLL)
        time.sleep(SETTLE)

    def wait_for_answer(self, stamp: int, timeout: float) -> bool:
        """Wait for the status of a frame [ns] or of a later one; False if it has not come after `timeout` [s].

        Raises:
            SscError: nobody publishes a status any more.
        """
        deadline = time.monotonic() + timeout
        while self._answered < stamp:
            if time.monotonic() > deadline:
                return False
            self._executor.spin_once(timeout_sec=POLL)
            if not self._status_publishers():
                raise SscError(f"the node has gone: nobody publishes {self._resolve(STATUS_TOPIC)} any more")
        return True

    def forget(self) -> None:
        """Start over, because time jumps back."""
        self._answered = -1

    def _take(self, status: Status) -> None:
        self._answered = header_stamp(status)

    def _not_ready(self) -> str:
        """Why it makes no sense to play yet; empty if it does."""
        unheard = [topic for topic in self._topics if not self._node.count_subscribers(topic)]
        if unheard:
            return f"nobody subscribes to {', '.join(unheard)}"
        if self._answers and not self._status_publishers():
            return f"nobody publishes {self._resolve(STATUS_TOPIC)}"
        inactive = [name for name in self._lifecycle_nodes() if not self._is_active(name)]
        return f"{', '.join(inactive)} is not active" if inactive else ""

    def _status_publishers(self) -> int:
        return self._node.count_publishers(self._resolve(STATUS_TOPIC))

    def _lifecycle_nodes(self) -> list[str]:
        """Full names of the subscribers that have lifecycle states."""
        endpoints = [e for topic in self._topics for e in self._node.get_subscriptions_info_by_topic(topic)]
        names = {f"{e.node_namespace.rstrip('/')}/{e.node_name}" for e in endpoints}
        services = dict(self._node.get_service_names_and_types())
        return sorted(name for name in names if f"{name}/get_state" in services)

    def _is_active(self, name: str) -> bool:
        client = self._node.create_client(GetState, f"{name}/get_state")
        try:
            if not client.service_is_ready():
                return False
            future = client.call_async(GetState.Request())
            self._executor.spin_until_future_complete(future, timeout_sec=1.0)
            return future.done() and future.result().current_state.id == State.PRIMARY_STATE_ACTIVE
        finally:
            self._node.destroy_client(client)

    def _resolve(self, topic: str) -> str:
        return str(self._node.resolve_topic_name(topic))
