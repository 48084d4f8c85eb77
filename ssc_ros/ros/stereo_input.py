"""The input of the completion: images, calibration and perhaps clouds, put together to sets that belong together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from ssc_ros.assembly.drop_counter import DropCounter
from ssc_ros.assembly.frames import StereoSet
from ssc_ros.assembly.lidar_use import LidarUse
from ssc_ros.assembly.settings import Settings, sync_rules
from ssc_ros.assembly.synchronizer import LEFT, POINTS, RIGHT, Synchronizer, SyncRules
from ssc_ros.assembly.watchdog import RequiredInputs
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.stamps import SECOND, header_stamp
from ssc_ros.ros.subscriptions import Subscriptions

POINTS_TOPIC = "points"
CALIBRATION_WAIT = 0.2
"""What the first pair waits for a calibration [s], and with it those that come in the meantime."""


class StereoInput:
    """Pairs images and their clouds, and hands each set on with the newest calibration."""

    def __init__(
        self,
        node: Node,
        subscriptions: Subscriptions,
        settings: Settings,
        lidar: LidarUse,
        drops: DropCounter,
        take: Callable[[StereoSet], None],
    ) -> None:
        """Subscribe.

        Args:
            node: owns the timers; its clock judges stamps.
            subscriptions: get the topics.
            settings: the current ones.
            lidar: whether to listen to point clouds, and what a pair without one is worth.
            drops: where unusable messages are counted.
            take: takes each set of messages that belong together.
        """
        self._node = node
        self._subscriptions = subscriptions
        self._drops = drops
        self._take = take
        self._future_tolerance = 0
        self._points_required = lidar is LidarUse.REQUIRED
        self._longest_delay = 0
        self._synchronizer = Synchronizer(
            SyncRules(), drops.add, self._points_expected, self._points_required, self._explain_late_cloud
        )
        self._synchronizer.registerCallback(self._hand_on)
        self._grace = self._timer(1.0, self._poll)  # runs only while a pair waits for its sweep
        self._uncalibrated: list[StereoSet] = []
        self._calibration = self._timer(CALIBRATION_WAIT, self._release)  # only while pairs wait for the first one
        image = {"raw": Image, "compressed": CompressedImage}[settings.image_transport]
        listen = subscriptions.listen
        self._left_info = listen(CameraInfo, "left/camera_info", self._take_info, latched=True)
        self._right_info = listen(CameraInfo, "right/camera_info", self._take_info, latched=True)
        left, right = (self._image_topic(f"{side}/image_rect", settings) for side in ("left", "right"))
        self._left = listen(image, left, partial(self._take_image, name=LEFT))
        self._right = listen(image, right, partial(self._take_image, name=RIGHT))
        self._points = None
        if lidar is not LidarUse.UNUSED:
            self._points = listen(PointCloud2, POINTS_TOPIC, partial(self._synchronize, name=POINTS))
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Use new settings, as far as they apply at once."""
        self._future_tolerance = round(settings.future_tolerance * SECOND)
        self._synchronizer.rules = sync_rules(settings)
        self._grace.timer_period_ns = max(self._synchronizer.rules.grace_time // 4, 1_000_000)

    def reset(self, reason: Drop) -> None:
        """Drop what waits for its partner, or for a calibration."""
        for _ in self._take_uncalibrated():
            self._drops.add(reason)
        self._synchronizer.reset(reason)

    def destroy(self) -> None:
        """Stop waiting; the subscriptions are the node's."""
        self._node.destroy_timer(self._grace)
        self._node.destroy_timer(self._calibration)

    def required(self) -> RequiredInputs:
        """Return what came of the inputs without which there is no frame since the last call, for the watchdog."""
        state, asker = self._subscriptions.state, "frames"
        return RequiredInputs(
            left=state(self._left, asker),
            right=state(self._right, asker),
            infos=(state(self._left_info, asker, ever=True), state(self._right_info, asker, ever=True)),
            points=state(self._points, asker) if self._points and self._points_required else None,
        )

    @property
    def image_topics(self) -> tuple[str, str]:
        """Resolved names of the image topics, left and right."""
        return self._left.name, self._right.name

    def _image_topic(self, base: str, settings: Settings) -> str:
        """Topic of an image's transport: as in image_transport, the base topic is remapped, and then extended."""
        if settings.image_transport == "raw":
            return base
        return f"{self._node.resolve_topic_name(base)}/{settings.image_transport}"

    def _timer(self, period: float, callback: Callable[[], None]) -> Any:
        """A timer of the wall clock that does not run yet."""
        timer = self._node.create_timer(period, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))
        timer.cancel()
        return timer

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

    def _synchronize(self, message: Any, name: str) -> None:
        self._synchronizer.add(message, name)
        if self._synchronizer.waiting and self._grace.is_canceled():
            self._grace.reset()

    def _poll(self) -> None:
        self._synchronizer.poll()
        if not self._synchronizer.waiting:
            self._grace.cancel()

    def _points_expected(self) -> bool:
        return self._points is not None and self._points.published

    def _explain_late_cloud(self, delay: int) -> None:
        """Name a grace time with which a cloud that came so long [ns] after its images would have been in time."""
        self._longest_delay = max(self._longest_delay, delay)
        advised = math.ceil(1.25e2 * self._longest_delay / SECOND) / 100
        self._drops.remark(
            Drop.NO_CLOUD if self._points_required else Drop.CLOUD_LATE,
            f"clouds come up to {self._longest_delay / SECOND:.3f} s after their images, and images wait "
            f"{self._synchronizer.wait / SECOND:g} s: set lidar.grace_time to {advised:g} or more",
        )

    def _hand_on(self, left: Any, right: Any, points: Any | None) -> None:
        pair = StereoSet(left, right, points, *self._infos, arrival=time.monotonic_ns())
        if None not in self._infos:
            self._take(pair)
            return
        if not self._uncalibrated:  # topics have no order among them: that of the first pair may come just after it
            self._calibration.reset()
        self._uncalibrated.append(pair)

    def _take_info(self, message: Any) -> None:
        if None not in self._infos:
            self._release()

    def _release(self) -> None:
        """Hand on the pairs that wait for the first calibration, with what has come of it."""
        left, right = self._infos
        for pair in self._take_uncalibrated():
            self._take(replace(pair, left_info=left, right_info=right))

    def _take_uncalibrated(self) -> list[StereoSet]:
        pairs, self._uncalibrated = self._uncalibrated, []
        self._calibration.cancel()
        return pairs

    @property
    def _infos(self) -> tuple[Any | None, Any | None]:
        return self._left_info.newest, self._right_info.newest
