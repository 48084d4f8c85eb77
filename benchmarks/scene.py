"""KITTI-sized messages and grids, made up in memory, so that no file is read while time is measured."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import numpy as np

from ssc_ros.core import SEMANTIC_KITTI, SEMANTIC_KITTI_GRID, SemanticGrid, StereoRig, poses
from ssc_ros.data.message_encoder import NANOSECONDS, MessageEncoder, Record
from ssc_ros.data.topics import RIGHT_CAMERA_FRAME, TOPICS
from ssc_ros.data.typestore import load_typestore

OPTICAL = poses.from_quaternion(np.array([-0.5, 0.5, -0.5, 0.5]), np.array([0.27, 0.06, -0.08]))
RIG = StereoRig(np.array([[707.0912, 0, 601.8873], [0, 707.0912, 183.1104], [0, 0, 1]]), 0.5379, (370, 1226), OPTICAL)
POINTS = 120_000


def street(seed: int = 0) -> SemanticGrid:
    """A grid whose columns are filled up to a wavy height: about 7 % occupied, as in SemanticKITTI."""
    rng = np.random.default_rng(seed)
    x, y = np.indices(SEMANTIC_KITTI_GRID.shape[:2])
    height = 1.1 + 1.6 * np.sin(x / 17) * np.cos(y / 23) + rng.exponential(0.6, x.shape)
    solid = np.arange(SEMANTIC_KITTI_GRID.shape[2]) < height[..., None]
    classes = rng.integers(1, len(SEMANTIC_KITTI), (16, 16, 1), np.uint8).repeat(16, 0).repeat(16, 1)
    labels = np.where(solid, classes, np.uint8(0))
    confidence = rng.integers(100, 255, labels.shape, np.uint8)
    return SemanticGrid(labels, SEMANTIC_KITTI_GRID, SEMANTIC_KITTI, confidence=confidence, model_id="made-up")


class NoiseSource:
    """A `MessageSource` of stereo pairs and sweeps of noise, 10 Hz or another rate."""

    def __init__(self, frames: int, hz: float) -> None:
        self._frames = frames
        self._period = round(NANOSECONDS / hz)
        self._templates = _templates()
        self.types: Mapping[str, str] = {topic: kind for topic, kind, _ in self._templates}

    def records(self, offset: float = 0.0) -> Iterator[Record]:
        """See `MessageSource`."""
        for number in range(round(offset * NANOSECONDS / self._period), self._frames):
            stamp = NANOSECONDS + number * self._period
            header = struct.pack("<iI", *divmod(stamp, NANOSECONDS))
            for topic, kind, data in self._templates:
                yield Record(stamp, topic, kind, data[:4] + header + data[12:])


def _templates() -> list[tuple[str, str, bytes]]:
    rng = np.random.default_rng(0)
    encoder = MessageEncoder(load_typestore())
    left = rng.integers(0, 256, (*RIG.image_size, 3), np.uint8)
    points = rng.uniform((0, -25, -2, 0), (50, 25, 3, 1), (POINTS, 4)).astype(np.float32)
    infos = encoder.camera_infos(0, RIG)
    return [
        (TOPICS.left_info, *infos[0]),
        (TOPICS.right_info, *infos[1]),
        (TOPICS.points, *encoder.point_cloud(0, points, SEMANTIC_KITTI_GRID.frame_id)),
        (TOPICS.left_image, *encoder.image(0, left)),
        (TOPICS.right_image, *encoder.image(0, np.roll(left, -20, axis=1), RIGHT_CAMERA_FRAME)),
    ]
