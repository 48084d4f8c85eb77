"""The bytes of a SemanticVoxelGrid: dense or bit mask and labels, plain or zstd.

The comment at the top of SemanticVoxelGrid.msg specifies the format.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import EMPTY, SscError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Bytes = NDArray[np.uint8]

ZSTD_LEVEL = 1
ZSTD_WINDOW_LOG = 23  # 8 MiB, what every zstd decoder supports (RFC 8878, section 3.1.1.1.2)


class CodecError(SscError):
    """A message that is not a well-formed semantic voxel grid."""


class Encoding(IntEnum):
    """How labels are written; equal to the constants of SemanticVoxelGrid."""

    DENSE = 0
    BITMASK_LABELS = 1
    DENSE_ZSTD = 2
    BITMASK_LABELS_ZSTD = 3

    @property
    def bitmask(self) -> bool:
        """Whether empty voxels are left out."""
        return self in (Encoding.BITMASK_LABELS, Encoding.BITMASK_LABELS_ZSTD)

    @property
    def compressed(self) -> bool:
        """Whether the payloads are zstd frames."""
        return self in (Encoding.DENSE_ZSTD, Encoding.BITMASK_LABELS_ZSTD)


def pack(labels: Bytes, confidence: Bytes | None, encoding: Encoding) -> tuple[Bytes, Bytes]:
    """Payloads of the fields `labels` and `confidence`; the second is empty where there is no confidence.

    Args:
        labels, confidence: (X * Y * Z,) uint8 in C order.
        encoding: how to write them.
    """
    if encoding.bitmask:
        confidence = None if confidence is None else confidence[labels != EMPTY]
        labels = _occupied(labels)
    if encoding.compressed:
        labels = _compress(labels)
        confidence = None if confidence is None else _compress(confidence)
    return labels, np.empty(0, np.uint8) if confidence is None else confidence


def _occupied(labels: Bytes) -> Bytes:
    """Bit mask and labels of the voxels that are not empty, one after the other."""
    from ssc_ros.messages.packing import write_occupied  # compiles, so only where it is needed

    mask_bytes, whole = (labels.size + 7) // 8, labels.size // 8 * 8
    payload = np.empty(mask_bytes + labels.size, np.uint8)
    labels = np.ascontiguousarray(labels)
    count = write_occupied(labels[:whole].view(np.uint64), labels, payload[:mask_bytes], payload[mask_bytes:])
    return payload[: mask_bytes + count]


def unpack_labels(payload: Bytes, encoding: Encoding, voxels: int) -> tuple[NDArray[np.bool_] | None, Bytes]:
    """Which voxels are stored, and their labels.

    Returns:
        stored (voxels,) bool, None if all are; values (stored voxels,) uint8, in C order.

    Raises:
        CodecError: the payload does not fit the encoding or the number of voxels.
    """
    mask_bytes = (voxels + 7) // 8 if encoding.bitmask else 0
    if encoding.compressed:
        payload = _decompress("labels", payload, mask_bytes or voxels, mask_bytes + voxels)
    if not encoding.bitmask:
        if payload.size != voxels:
            raise CodecError(f"labels have {payload.size} bytes, but {voxels} dense voxels need one for each")
        return None, payload
    if payload.size < mask_bytes:
        raise CodecError(f"labels have {payload.size} bytes, but the bit mask of {voxels} voxels takes {mask_bytes}")
    bits = np.unpackbits(payload[:mask_bytes])
    values = payload[mask_bytes:]
    set_bits, spare_bits = np.count_nonzero(bits), np.count_nonzero(bits[voxels:])
    if spare_bits or set_bits != values.size:
        raise CodecError(
            f"{set_bits} bits of the mask are set ({spare_bits} of them beyond the last voxel), "
            f"but {values.size} labels follow it"
        )
    return bits[:voxels].view(np.bool_), values


def unpack_confidence(payload: Bytes, encoding: Encoding, count: int) -> Bytes | None:
    """One byte for each of `count` stored labels, or None where there is no confidence.

    Raises:
        CodecError: there are more or fewer.
    """
    if not payload.size:
        return None
    if encoding.compressed:
        return _decompress("confidence", payload, count, count)
    if payload.size != count:
        raise CodecError(
            f"confidence has {payload.size} bytes for {count} stored labels, expected one for each or none"
        )
    return payload


def scatter(values: Bytes, stored: NDArray[np.bool_] | None) -> Bytes:
    """All voxels from the stored ones; always a copy, so that a grid does not hang on to its message."""
    if stored is None:
        return np.array(values)
    volume = np.zeros(stored.size, np.uint8)
    volume[stored] = values
    return volume


def _compress(data: Bytes) -> Bytes:
    return np.frombuffer(zstd.compress(data.tobytes(), level=ZSTD_LEVEL), np.uint8)


def _decompress(name: str, data: Bytes, at_least: int, at_most: int) -> Bytes:
    """The content of one zstd frame, which must declare a size within bounds and keep to it."""
    frame = data.tobytes()
    try:
        declared = cast("int | None", zstd.get_frame_info(frame).decompressed_size)
        if declared is None or not at_least <= declared <= at_most:
            raise CodecError(
                f"the zstd frame of {name} declares {declared} bytes, but the grid needs {at_least} to {at_most}"
            )
        window_log = max(ZSTD_WINDOW_LOG, declared.bit_length())
        decoder = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: window_log})
        content = decoder.decompress(frame, max_length=declared + 1)
    except zstd.ZstdError as error:
        raise CodecError(f"{name} are not a valid zstd frame, although the encoding says so: {error}") from error
    if not decoder.eof or decoder.unused_data or len(content) != declared:
        raise CodecError(f"the zstd frame of {name} is cut short, too long, or followed by something else")
    return np.frombuffer(content, np.uint8)
