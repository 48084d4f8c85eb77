"""Classes for the points of each sweep: found once, for the fused completion and for `~/points_semantic`."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.publisher import Publisher

from ssc_ros.assembly.drop_counter import DropCounter
from ssc_ros.assembly.frames import LabelledSweep
from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.statistics import Latencies, Rate
from ssc_ros.core import LabelSet
from ssc_ros.messages.clouds import read_cloud
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.stamps import header_stamp
from ssc_ros.ros.outputs.messages import semantic_cloud
from ssc_ros.ros.ports import Segmenter

TOPIC = "~/points_semantic"

REMEMBERED = 4
"""Sweeps whose labels are kept: a stereo pair asks for its own one while the next ones come in."""


@dataclass
class SweepLabeller:
    """Labels each sweep once, whoever asks first and from whatever thread; the others wait for that.

    Attributes:
        segmenter: the network; it is asked by one thread at a time.
        place: the pose (4, 4) of a named frame in the grid frame; raises UnusableInput where nobody knows it.
        latency: what the network took for each sweep.
    """

    segmenter: Segmenter
    place: Callable[[str], NDArray[np.float64]]
    latency: Latencies = field(default_factory=Latencies)
    _known: dict[int, tuple[Any, Future[LabelledSweep]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _asking: Lock = field(default_factory=Lock)

    def __call__(self, message: Any) -> LabelledSweep:
        """The labelled points of a sensor_msgs/PointCloud2.

        Raises:
            UnusableInput: a cloud that cannot be read or placed, or on which the network failed.
        """
        with self._lock:
            known = self._known.get(id(message))
            answer: Future[LabelledSweep] = Future() if known is None else known[1]
            if known is None:
                self._known[id(message)] = message, answer  # with the message, so that nobody else gets its id
                while len(self._known) > REMEMBERED:
                    del self._known[next(iter(self._known))]
        if known is None:
            try:
                answer.set_result(self._label(message))
            except UnusableInput as error:
                answer.set_exception(error)
            except Exception as error:
                text = f"{type(error).__name__}: {error}; the node goes on with the next sweep"
                answer.set_exception(UnusableInput(Drop.CLOUD_SEGMENTATION, text))
        return answer.result()

    def forget(self) -> None:
        """Forget all sweeps."""
        with self._lock:
            self._known.clear()

    def _label(self, message: Any) -> LabelledSweep:
        cloud = read_cloud(message)
        points = cloud.points(self.place(message.header.frame_id))
        with self._asking:
            begin = time.monotonic()
            labels = self.segmenter.segment(points).labels
            self.latency.add(time.monotonic() - begin)
        return LabelledSweep(cloud, points, labels)


@dataclass
class Segmentation:
    """Publishes the points of sweeps with their classes, in a thread of its own.

    Attributes:
        label: finds the classes.
        publisher: of `~/points_semantic`.
        drops: where sweeps that are not published are counted.
        settings: the current ones; may be replaced.
        now: the node's clock [ns].
        published: how often a sweep was published.
        skipped: sweeps that nobody wanted.
        latency: stamp to publication, on the node's clock.
    """

    label: SweepLabeller
    publisher: Publisher
    drops: DropCounter
    settings: Settings
    now: Callable[[], int]
    published: Rate = field(default_factory=Rate)
    skipped: int = 0
    latency: Latencies = field(default_factory=Latencies)

    @property
    def topic(self) -> str:
        """Resolved name of the output."""
        return str(self.publisher.topic_name)

    @property
    def label_set(self) -> LabelSet:
        """Meaning of the labels."""
        return self.label.segmenter.metadata.label_set

    def __call__(self, message: Any) -> None:
        """Publish one sweep; whatever goes wrong costs this sweep only."""
        if not (self.settings.always_run or self.publisher.get_subscription_count()):
            self.skipped += 1
            return
        try:
            sweep = self.label(message)
            self.publisher.publish(semantic_cloud(message, sweep.cloud, sweep.labels, self.label_set))
        except UnusableInput as error:
            self.drops.explain(error)
            return
        self.latency.add((self.now() - header_stamp(message)) / 1e9)
        self.published.tick()

    def forget(self) -> None:
        """Forget what was sensed before, because time or place jumped."""
        self.label.forget()

    def restart(self) -> None:
        """Count from zero, as after activation."""
        self.forget()
        self.drops.reset()
        self.published, self.skipped = Rate(), 0
        self.latency, self.label.latency = Latencies(), Latencies()
