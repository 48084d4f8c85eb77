"""SemanticGrid <-> ssc_ros_msgs/SemanticVoxelGrid, in numpy.

The comment at the top of SemanticVoxelGrid.msg specifies the format. `decode` reads any object with that message's
attributes, so also what rosbags deserialises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ssc_ros.core import LABEL_SETS, UNKNOWN, LabelSet, SceneGrid, SemanticGrid
from ssc_ros.messages.arrays import byte_array
from ssc_ros.messages.payload import Bytes, CodecError, Encoding, pack, scatter, unpack_confidence, unpack_labels
from ssc_ros.messages.stamps import header_stamp, seconds_and_nanoseconds

__all__ = ["MAX_VOXELS", "CodecError", "Encoding", "GridFields", "decode", "encode"]

Message = TypeVar("Message", bound=Any)

MAX_VOXELS = 1 << 25
"""Larger grids are refused: 16 times SemanticKITTI's. A hostile zstd message of some bytes can make us allocate a few
times as many bytes."""


@dataclass(frozen=True)
class GridFields:
    """The fields of a SemanticVoxelGrid, ready to be copied into a message of any ROS library.

    Attributes:
        sec, nanosec: the stamp as builtin_interfaces/Time has it.
        frame_id: frame of the grid.
        position: lower corner of voxel (0, 0, 0) [m]; the orientation is the identity.
        voxel_size: [m].
        shape: size_x, size_y, size_z.
        encoding: how `labels` and `confidence` are written.
        label_set, model_id: as in SemanticGrid.
        labels, confidence: (N,) uint8 payloads; `confidence` is empty where there is none.
    """

    sec: int
    nanosec: int
    frame_id: str
    position: tuple[float, float, float]
    voxel_size: float
    shape: tuple[int, int, int]
    encoding: Encoding
    label_set: str
    model_id: str
    labels: Bytes
    confidence: Bytes

    def fill(self, message: Message) -> Message:
        """Copy into a SemanticVoxelGrid of rclpy, fresh, so that its orientation is the identity; return it."""
        message.header.stamp.sec, message.header.stamp.nanosec = self.sec, self.nanosec
        message.header.frame_id = self.frame_id
        position = message.origin.position
        position.x, position.y, position.z = self.position
        message.voxel_size = self.voxel_size
        message.size_x, message.size_y, message.size_z = self.shape
        message.encoding = int(self.encoding)
        message.label_set, message.model_id = self.label_set, self.model_id
        message.labels = byte_array(self.labels)
        message.confidence = byte_array(self.confidence)
        return message


def encode(grid: SemanticGrid, encoding: Encoding = Encoding.BITMASK_LABELS) -> GridFields:
    """Write a grid as message fields.

    Every label survives, unknown ones too. The observed mask is not transmitted, nor, under the bitmask encodings, the
    confidence of empty voxels.

    Raises:
        CodecError: more than `MAX_VOXELS` voxels.
    """
    _check_size(grid.grid.shape)
    confidence = None if grid.confidence is None else grid.confidence.ravel()
    labels_payload, confidence_payload = pack(grid.labels.ravel(), confidence, encoding)
    sec, nanosec = seconds_and_nanoseconds(grid.stamp)
    return GridFields(
        sec=sec,
        nanosec=nanosec,
        frame_id=grid.grid.frame_id,
        position=grid.grid.min_corner,
        voxel_size=grid.grid.voxel_size,
        shape=grid.grid.shape,
        encoding=encoding,
        label_set=grid.label_set.name,
        model_id=grid.model_id,
        labels=labels_payload,
        confidence=confidence_payload,
    )


def decode(message: Any) -> SemanticGrid:
    """Read a SemanticVoxelGrid (of rclpy, of rosbags, or alike).

    Nothing larger than the payload warrants is allocated before the message is known to be well-formed.

    Raises:
        CodecError: it is malformed, too large, rotated against its frame, or of an unknown encoding or label set.
    """
    shape = (int(message.size_x), int(message.size_y), int(message.size_z))
    _check_size(shape)
    scene = SceneGrid(_corner(message.origin), _voxel_size(message.voxel_size), shape, message.header.frame_id)
    label_set = _label_set(message.label_set)
    encoding = _encoding(message.encoding)
    stored, values = unpack_labels(_as_bytes(message.labels), encoding, scene.size)
    _check_labels(values, label_set)
    confidence = unpack_confidence(_as_bytes(message.confidence), encoding, values.size)
    return SemanticGrid(
        labels=scatter(values, stored).reshape(shape),
        grid=scene,
        label_set=label_set,
        stamp=header_stamp(message),
        confidence=None if confidence is None else scatter(confidence, stored).reshape(shape),
        model_id=message.model_id,
    )


def _check_size(shape: tuple[int, int, int]) -> None:
    if min(shape) < 1 or math.prod(shape) > MAX_VOXELS:
        raise CodecError(
            f"a grid of {shape} voxels is refused: each size must be positive, the product <= {MAX_VOXELS}"
        )


def _check_labels(values: Bytes, label_set: LabelSet) -> None:
    known = np.zeros(256, bool)
    known[[*range(len(label_set)), UNKNOWN]] = True
    right = known[values]
    if not right.all():
        raise CodecError(
            f"label {values[right.argmin()]} is not one of the {len(label_set)} classes of '{label_set.name}', "
            "nor 255 (unknown); was the grid written with another label set?"
        )


def _corner(origin: Any) -> tuple[float, float, float]:
    corner = (float(origin.position.x), float(origin.position.y), float(origin.position.z))
    q = origin.orientation
    if not all(map(math.isfinite, corner)):
        raise CodecError(f"the origin {corner} is not finite")
    if not (max(abs(q.x), abs(q.y), abs(q.z)) < 1e-6 and abs(abs(q.w) - 1) < 1e-6):
        raise CodecError(
            f"the grid is rotated by ({q.x}, {q.y}, {q.z}, {q.w}) in its frame; expected the identity: "
            "publish it in a frame of its own, related by TF"
        )
    return corner


def _voxel_size(value: float) -> float:
    """The shortest decimal that the float32 stands for, so that 0.2 comes back as 0.2."""
    size = float(str(np.float32(value)))
    if not (math.isfinite(size) and size > 0):
        raise CodecError(f"the voxel size is {value} m, expected a positive length")
    return size


def _label_set(name: str) -> LabelSet:
    if name not in LABEL_SETS:
        raise CodecError(
            f"the label set '{name}' is unknown, expected one of {sorted(LABEL_SETS)}; "
            "use the ssc_ros version that wrote the message, or name the set right where it is published"
        )
    return LABEL_SETS[name]


def _encoding(value: int) -> Encoding:
    try:
        return Encoding(value)
    except ValueError:
        known = ", ".join(f"{e.value} ({e.name})" for e in Encoding)
        raise CodecError(f"the encoding {value} is unknown, expected one of {known}; update ssc_ros") from None


def _as_bytes(payload: Any) -> Bytes:
    """View of a uint8[] field: an array.array in rclpy, a numpy array in rosbags."""
    return np.frombuffer(payload, np.uint8)
