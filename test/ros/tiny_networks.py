"""Networks that any test can predict, in the place of a completer and of a segmenter."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Event
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import LIDAR, SEMANTIC_KITTI, STEREO, Frame, SceneGrid, SemanticGrid

GRID = SceneGrid((0.0, -3.2, -2.0), 0.4, (16, 16, 8))
ROAD, BUILDING = SEMANTIC_KITTI.names.index("road"), SEMANTIC_KITTI.names.index("building")


class TinyCompleter:
    """A completer that any test can predict: the lowest layer is road, voxels with LiDAR points are building.

    Where a class map comes with the image, the lowest layer has the class of the image's first pixel.

    Attributes:
        begun: set once a frame is in work.
        gate: as long as it is cleared, frames stay in work.
    """

    def __init__(
        self,
        work: float = 0.0,
        sensors: Sequence[str] = (STEREO, LIDAR),
        history: int = 0,
        reads_classes: bool = False,
        reads_class_maps: bool = False,
    ) -> None:
        self.metadata = SimpleNamespace(model_id="tiny", grid=GRID, label_set=SEMANTIC_KITTI, inputs=sensors)
        self.timings: dict[str, float] = {}
        self.backend = "torch"
        self.history, self.past_frames, self.forgotten = SimpleNamespace(count=history, interval=0.5), 0, 0
        self.work = work
        self.begun, self.gate = Event(), Event()
        self.gate.set()
        self.frames: list[Frame] = []
        self.reads_classes, self.reads_class_maps = reads_classes, reads_class_maps

    def warm_up(self) -> None:
        self.timings["network"] = 0.0

    def forget(self) -> None:
        self.forgotten += 1

    def complete(self, frame: Frame, *, confidence: bool = True) -> SemanticGrid:
        self.frames.append(frame)
        self.asked_for_confidence = confidence
        self.begun.set()
        assert self.gate.wait(60)
        time.sleep(self.work)
        labels = np.zeros(GRID.shape, np.uint8)
        labels[:, :, 0] = ROAD if frame.image_labels is None else frame.image_labels[0, 0]
        if frame.points is not None:
            index = GRID.indices(frame.points[:, :3])
            labels[tuple(index[GRID.contains(index)].T)] = BUILDING
        return SemanticGrid(labels, GRID, SEMANTIC_KITTI, frame.stamp, model_id="tiny")


class TinySegmenter:
    """A segmenter that any test can predict: what is above the sensor is building, the rest road.

    Attributes:
        begun: set once a sweep is in work.
        gate: as long as it is cleared, sweeps stay in work.
        fails: whether the next sweep does.
    """

    def __init__(self) -> None:
        self.backend = "torch"
        self.metadata = SimpleNamespace(model_id="tiny-points", grid=GRID, label_set=SEMANTIC_KITTI, inputs=(LIDAR,))
        self.begun, self.gate, self.fails = Event(), Event(), False
        self.gate.set()
        self.sweeps: list[NDArray[np.float32]] = []

    def warm_up(self) -> None:
        pass

    def segment(self, points: NDArray[np.float32]) -> SimpleNamespace:
        if self.fails:
            raise RuntimeError("out of memory")
        self.begun.set()
        assert self.gate.wait(60)
        self.sweeps.append(points)
        return SimpleNamespace(labels=np.where(points[:, 2] > 0, BUILDING, ROAD).astype(np.uint8))
