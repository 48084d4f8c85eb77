"""The frame that is completed over and over."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import Frame, SscError
from ssc_ros.data.semantic_kitti import SemanticKitti
from ssc_ros.data.sequence import open_sequences

SIMULATED = "08"
LONG_AFTER_THE_START = 3_600_000_000_000
"""The frame's stamp [ns]: whatever past a network reads lies after 0."""


@dataclass(frozen=True)
class EncodedFrame:
    """A frame whose images are still files.

    Attributes:
        frame: the same, decoded; it stands at the origin of the world.
        left, right: the images as PNG.
        source: where it is from, for people.
    """

    frame: Frame
    left: NDArray[np.uint8]
    right: NDArray[np.uint8]
    source: str

    @staticmethod
    def of(frame: Frame, source: str) -> EncodedFrame:
        """Encode a frame."""
        frame = replace(frame, stamp=LONG_AFTER_THE_START, T_world_grid=np.eye(4))
        return EncodedFrame(frame, _png(frame.left), _png(frame.right), source)

    def decode(self) -> Frame:
        """The frame, its images decoded as those of a compressed topic."""
        return replace(self.frame, left=_decoded(self.left), right=_decoded(self.right))


def recorded(root: Path, sequence: str, frame_id: str | None) -> EncodedFrame:
    """A frame of a data set.

    Args:
        root: of the data set.
        sequence: its name, such as "08".
        frame_id: None: the first one.

    Raises:
        SscError: there is no such data set, sequence or frame.
    """
    if not root.is_dir():
        raise SscError(f"the data set {root} does not exist; leave --data (or SSC_KITTI_ROOT) out to simulate a frame")
    (opened,) = open_sequences(root, [sequence])
    frame_id = frame_id or opened.frame_ids[0]
    return EncodedFrame.of(opened.frame(frame_id), f"{root.name}, {sequence}/{frame_id}")


def simulated() -> EncodedFrame:
    """A frame of Synth-KITTI, the same every time."""
    from ssc_ros.simulation.sequence import SequenceJob  # compiles its kernels, so only where it is needed

    with tempfile.TemporaryDirectory() as folder:
        job = SequenceJob(Path(folder), SIMULATED, seed=0, frames=1, scans=1)
        job.begin()
        job.sense(0)
        (sequence,) = SemanticKitti(Path(folder), [SIMULATED]).sequences
        return EncodedFrame.of(sequence.frame(sequence.frame_ids[0]), "a simulated frame")


def _png(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1], np.uint8)


def _decoded(file: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)
