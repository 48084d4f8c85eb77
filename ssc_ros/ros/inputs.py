"""The subscriptions: callbacks only count, check the clock, and hand on to the synchroniser."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from ssc_ros.assembly.drop_counter import DropCounter
from ssc_ros.assembly.frames import StereoSet
from ssc_ros.assembly.lidar_use import LidarUse
from ssc_ros.assembly.settings import Settings, sync_rules
from ssc_ros.assembly.statistics import Rate
from ssc_ros.assembly.synchronizer import LEFT, POINTS, RIGHT, Synchronizer, SyncRules
from ssc_ros.assembly.watchdog import InputState, RequiredInputs
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.stamps import SECOND, header_stamp
from ssc_ros.ros.qos import SENSOR, QosWatch

LEFT_INFO, RIGHT_INFO, ODOMETRY = "left_info", "right_info", "odometry"
CALIBRATION_WAIT = 0.2
"""What the first pair waits for a calibration [s], and with it those that come in the meantime."""


@dataclass
class Input:
    """One subscribed topic.

    Attributes:
        subscription: its topic is resolved.
        type_name: such as "sensor_msgs/msg/Image".
        rate: of arrival.
        newest: the last message, or None.
        reported: messages that the last `state` had counted, for each who asks.
    """

    subscription: Subscription
    type_name: str
    rate: Rate = field(default_factory=Rate)
    newest: Any | None = None
    reported: dict[str, int] = field(default_factory=dict)

    @property
    def topic(self) -> str:
        """Resolved name."""
        return str(self.subscription.topic_name)

    def state(self, node: Node, qos_watch: QosWatch, asker: str, ever: bool = False) -> InputState:
        """What came since the last call by the same asker, or, with `ever`, since the beginning."""
        received = self.rate.total - (0 if ever else self.reported.get(asker, 0))
        self.reported[asker] = self.rate.total
        return InputState(
            self.topic,
            self.type_name,
            received,
            [publisher.topic_type for publisher in node.get_publishers_info_by_topic(self.topic)],
            qos_watch.unfit_publishers(self.topic),
            None if self.newest is None else header_stamp(self.newest),
        )


class Inputs:
    """All subscriptions of the node; until `active` is set, they only count and remember the calibration."""

    def __init__(
        self,
        node: Node,
        settings: Settings,
        lidar: LidarUse,
        qos_watch: QosWatch,
        drops: DropCounter,
        complete: Callable[[StereoSet], None],
        odometry: Callable[[Any], None],
        sweep: Callable[[Any], None] | None = None,
    ) -> None:
        """Subscribe.

        Args:
            node: owns the subscriptions.
            settings: the current ones.
            lidar: whether to listen to point clouds, and what a pair without one is worth.
            qos_watch: told about publishers whose QoS does not fit.
            drops: where unusable messages are counted.
            complete: takes each set of messages that belong together.
            odometry: takes each nav_msgs/Odometry.
            sweep: takes each sensor_msgs/PointCloud2, whatever becomes of stereo pairs.
        """
        self.active = False
        self._node = node
        self._lidar = lidar
        self._qos_watch = qos_watch
        self._drops = drops
        self._complete = complete
        self._sweep = sweep
        self._future_tolerance = 0
        self._by_name: dict[str, Input] = {}
        self._synchronizer = Synchronizer(
            SyncRules(), drops.add, self._points_expected, points_required=lidar is LidarUse.REQUIRED
        )
        self._synchronizer.registerCallback(self._hand_on)
        self._grace = node.create_timer(1.0, self._poll, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._grace.cancel()  # runs only while a pair waits for its sweep
        self._uncalibrated: list[StereoSet] = []
        self._calibration = node.create_timer(
            CALIBRATION_WAIT, self._release, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._calibration.cancel()  # runs only while pairs wait for the first calibration
        if settings.camera.enabled:
            self._subscribe_cameras(settings.image_transport)
        if lidar is not LidarUse.UNUSED or sweep is not None:
            self._subscribe(POINTS, PointCloud2, "points", self._take_points)
        if settings.odometry.enabled and settings.odometry.source == "topic" and settings.camera.enabled:
            self._subscribe(ODOMETRY, Odometry, "odometry", lambda message, name: odometry(message))
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Use new settings, as far as they apply at once."""
        self._future_tolerance = round(settings.future_tolerance * SECOND)
        self._synchronizer.rules = sync_rules(settings)
        self._grace.timer_period_ns = max(self._synchronizer.rules.grace_time // 4, 1_000_000)

    def reset(self, reason: Drop = Drop.TIME_JUMP) -> None:
        """Drop what waits for its partner, or for a calibration."""
        for _ in self._take_uncalibrated():
            self._drops.add(reason)
        self._synchronizer.reset(reason)

    def destroy(self) -> None:
        """Unsubscribe."""
        self._node.destroy_timer(self._grace)
        self._node.destroy_timer(self._calibration)
        for item in self._by_name.values():
            self._node.destroy_subscription(item.subscription)

    @property
    def all(self) -> tuple[Input, ...]:
        """Every input, for diagnostics."""
        return tuple(self._by_name.values())

    def required(self) -> RequiredInputs:
        """What came of the inputs without which there is no frame since the last call, for the watchdog."""
        return RequiredInputs(
            left=self._state(LEFT),
            right=self._state(RIGHT),
            infos=(self._state(LEFT_INFO, ever=True), self._state(RIGHT_INFO, ever=True)),
            points=self._state(POINTS) if self._lidar is LidarUse.REQUIRED else None,
        )

    def sweeps(self) -> InputState:
        """What came of the clouds since the last call, for the watchdog of the segmentation."""
        return self._state(POINTS, "sweeps")

    def _state(self, name: str, asker: str = "frames", ever: bool = False) -> InputState:
        return self._by_name[name].state(self._node, self._qos_watch, asker, ever)

    def _subscribe_cameras(self, image_transport: str) -> None:
        image = {"raw": Image, "compressed": CompressedImage}[image_transport]
        suffix = "" if image_transport == "raw" else "/compressed"
        self._subscribe(LEFT_INFO, CameraInfo, "left/camera_info", self._take_info)
        self._subscribe(RIGHT_INFO, CameraInfo, "right/camera_info", self._take_info)
        self._subscribe(LEFT, image, f"left/image_rect{suffix}", self._take_image)
        self._subscribe(RIGHT, image, f"right/image_rect{suffix}", self._take_image)

    def _subscribe(
        self, name: str, kind: Any, topic: str, take: Callable[[Any, str], None] = lambda message, name: None
    ) -> None:
        def callback(message: Any) -> None:
            item = self._by_name[name]
            item.rate.tick()
            item.newest = message
            if self.active:
                take(message, name)

        subscription = self._node.create_subscription(
            kind,
            topic,
            callback,
            copy(SENSOR),  # rclpy writes the user's overrides into the profile that it is given
            event_callbacks=self._qos_watch.of_subscription(topic),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        package, folder, _ = kind.__module__.split(".")
        self._by_name[name] = Input(subscription, f"{package}/{folder}/{kind.__name__}")

    def _take_image(self, message: Any, name: str) -> None:
        now = self._node.get_clock().now().nanoseconds
        ahead = header_stamp(message) - now
        if ahead <= self._future_tolerance:
            self._synchronize(message, name)
            return
        if now == 0:
            remedy = "use_sim_time is set, but no /clock has come: let the replay publish it, or unset use_sim_time"
        else:
            remedy = (
                f"the stamp lies {ahead / SECOND:.3f} s ahead of the node's clock: synchronise the machines' clocks, "
                "or, in a replay, set use_sim_time"
            )
        self._drops.explain(UnusableInput(Drop.FUTURE, f"{name} image: {remedy}"))

    def _take_points(self, message: Any, name: str) -> None:
        if self._sweep is not None:
            self._sweep(message)
        if self._lidar is not LidarUse.UNUSED:
            self._synchronize(message, name)

    def _synchronize(self, message: Any, name: str) -> None:
        self._synchronizer.add(message, name)
        if self._synchronizer.waiting and self._grace.is_canceled():
            self._grace.reset()

    def _poll(self) -> None:
        self._synchronizer.poll()
        if not self._synchronizer.waiting:
            self._grace.cancel()

    def _points_expected(self) -> bool:
        points = self._by_name.get(POINTS)
        return points is not None and points.subscription.get_publisher_count() > 0

    def _hand_on(self, left: Any, right: Any, points: Any | None) -> None:
        pair = StereoSet(left, right, points, *self._infos, arrival=time.monotonic_ns())
        if None not in self._infos:
            self._complete(pair)
            return
        if not self._uncalibrated:  # topics have no order among them: that of the first pair may come just after it
            self._calibration.reset()
        self._uncalibrated.append(pair)

    def _take_info(self, message: Any, name: str) -> None:
        if None not in self._infos:
            self._release()

    def _release(self) -> None:
        """Hand on the pairs that wait for the first calibration, with what has come of it."""
        left, right = self._infos
        for pair in self._take_uncalibrated():
            self._complete(replace(pair, left_info=left, right_info=right))

    def _take_uncalibrated(self) -> list[StereoSet]:
        pairs, self._uncalibrated = self._uncalibrated, []
        self._calibration.cancel()
        return pairs

    @property
    def _infos(self) -> tuple[Any | None, Any | None]:
        return self._by_name[LEFT_INFO].newest, self._by_name[RIGHT_INFO].newest
