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

from ssc_ros.assembly.frames import LabelledSweep
from ssc_ros.assembly.statistics import Latencies
from ssc_ros.core import LabelSet, SscError
from ssc_ros.messages.clouds import read_cloud
from ssc_ros.messages.drops import Drop, UnusableInput

REMEMBERED = 4
"""Sweeps whose labels are kept: a stereo pair asks for its own one while the next ones come in."""


@dataclass
class SweepLabeller:
    """Labels each sweep once, whoever asks first and from whatever thread; the others wait for that.

    Attributes:
        segment: classes (M,) uint8 of points (M, 4): x, y, z [m] in the grid frame and intensity 0..1; it is asked by
            one thread at a time.
        label_set: meaning of the classes.
        place: the pose (4, 4) of a named frame in the grid frame; raises UnusableInput where it is not known.
        latency: what the network took for each sweep.
    """

    segment: Callable[[NDArray[np.float32]], NDArray[np.uint8]]
    label_set: LabelSet
    place: Callable[[str], NDArray[np.float64]]
    latency: Latencies = field(default_factory=Latencies)
    _known: dict[int, tuple[Any, Future[LabelledSweep]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _asking: Lock = field(default_factory=Lock)

    def __call__(self, message: Any) -> LabelledSweep:
        """Return the labelled points of a sensor_msgs/PointCloud2.

        Raises:
            UnusableInput: a cloud that cannot be read or placed, or on which the network failed.
        """
        with self._lock:
            known = self._known.get(id(message))
            answer: Future[LabelledSweep] = Future() if known is None else known[1]
            if known is None:
                self._known[id(message)] = message, answer  # with the message, so that no other one gets its id
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
            labels = self.segment(points)
            self.latency.add(time.monotonic() - begin)
        return LabelledSweep(cloud, points, labels)


def require_classes(labeller: SweepLabeller | None, label_set: LabelSet) -> None:
    """Make sure that points get the classes that a completion network reads.

    Raises:
        SscError: they get none, or others.
    """
    if labeller is None:
        raise SscError(
            "the checkpoint reads the classes of LiDAR points; set lidar.segmentation_checkpoint, or lidar.enabled to "
            "false for stereo alone"
        )
    known, read = labeller.label_set.name, label_set.name
    if known != read:
        raise SscError(f"the segmentation checkpoint gives classes of '{known}', but the checkpoint reads '{read}'")
