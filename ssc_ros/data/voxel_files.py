"""The voxel files of SemanticKITTI: .bin, .occluded and .invalid hold bits, .label holds uint16 raw ids.

All are in C order of (X, Y, Z), z fastest; bits are packed most significant first.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SscError
from ssc_ros.core.files import write_atomically

Shape = tuple[int, int, int]
_Scalar = TypeVar("_Scalar", bound=np.generic)


def read_bits(path: Path, shape: Shape) -> NDArray[np.bool_]:
    """Read one bit per voxel, as (X, Y, Z) bool.

    Raises:
        SscError: the file cannot be read or has another size.
    """
    size = int(np.prod(shape))
    return _unpack(_read(path, shape, (-(-size // 8),)), shape)


def write_bits(path: Path, volume: NDArray[np.bool_]) -> None:
    """Write one bit per voxel of (X, Y, Z) bool, atomically."""
    write_atomically(path, np.packbits(np.asarray(volume, bool)).tobytes())


def read_labels(path: Path, shape: Shape) -> NDArray[np.uint16]:
    """Read raw ids, as (X, Y, Z) uint16.

    Raises:
        SscError: the file cannot be read or has another size.
    """
    size = int(np.prod(shape))
    return _read(path, shape, (2 * size,)).view("<u2").reshape(shape)


def write_labels(path: Path, volume: NDArray[np.uint16]) -> None:
    """Write raw ids (X, Y, Z) uint16, atomically."""
    write_atomically(path, np.asarray(volume, "<u2").tobytes())


def read_invalid(path: Path, shape: Shape) -> NDArray[np.bool_]:
    """Read the voxels that no sensor ray reached, as (X, Y, Z) bool.

    SemanticKITTI packs them to bits, SSCBench-KITTI-360 spends a byte on each; the size tells which.

    Raises:
        SscError: the file cannot be read or has neither size.
    """
    size = int(np.prod(shape))
    content = _read(path, shape, (-(-size // 8), size))
    return content.reshape(shape) != 0 if len(content) == size else _unpack(content, shape)


def undo_first_release_shift(volume: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Move a volume of SemanticKITTI's first voxel release (before August 2020) back by one flat element.

    Those files start one element late (semantic-kitti-api, issue 49); the last element is lost and becomes zero.
    """
    flat = volume.reshape(-1)
    return np.concatenate([flat[1:], np.zeros_like(flat[:1])]).reshape(volume.shape)


def _unpack(content: NDArray[np.uint8], shape: Shape) -> NDArray[np.bool_]:
    return np.unpackbits(content, count=int(np.prod(shape))).astype(bool).reshape(shape)


def _read(path: Path, shape: Shape, sizes: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SscError(f"cannot read {path}: {error.strerror}") from error
    if len(content) not in sizes:
        wanted, voxels = " or ".join(map(str, sizes)), " x ".join(map(str, shape))
        raise SscError(f"{path} has {len(content)} bytes, expected {wanted} for {voxels} voxels; is it cut short?")
    return content
