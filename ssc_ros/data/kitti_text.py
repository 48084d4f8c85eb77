"""The text files of a KITTI odometry sequence: calib.txt, times.txt and poses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SscError, poses
from ssc_ros.data.files import read_rows

LATEST = 2.0**31
"""First time [s] that a ROS stamp cannot hold."""

CALIBRATION = ("P0", "P1", "P2", "P3", "Tr")
"""Names of the matrices in a calib.txt that are read."""


def read_calibration(path: Path) -> dict[str, NDArray[np.float64]]:
    """Matrices of a calib.txt, (3, 4) each, by name: P0 .. P3 and Tr (LiDAR -> rectified camera 0).

    Raises:
        SscError: no text, one of them is no 3x4 matrix of finite numbers, or P2, P3 or Tr is not there.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SscError(f"{path} is no text file: {error}") from error
    matrices = {}
    for line in lines:
        name, _, numbers = line.partition(":")
        if name.strip() not in CALIBRATION or not numbers.strip():
            continue  # such as R0_rect, a 3x3 matrix of KITTI's object benchmark
        try:
            matrix = np.array(numbers.split(), np.float64).reshape(3, 4)
        except ValueError as error:
            raise SscError(f"{path}: '{name}' is not followed by 12 numbers") from error
        if not np.isfinite(matrix).all():
            raise SscError(f"{path}: '{name}' has numbers that are not finite")
        matrices[name.strip()] = matrix
    absent = [name for name in ("P2", "P3", "Tr") if name not in matrices]
    if absent:
        raise SscError(
            f"{path} lacks {', '.join(absent)}; KITTI odometry's calib.txt of the velodyne download has them"
        )
    return matrices


def read_times(path: Path, rows: Sequence[int]) -> NDArray[np.float64]:
    """Times (N,) of frames [s], which a ROS stamp must be able to hold."""
    times = read_rows(path, 1, rows)[:, 0]
    wrong = np.flatnonzero(~((times >= 0) & (times < LATEST)))
    if wrong.size:
        raise SscError(
            f"{path}: the time of frame {rows[wrong[0]]:06d} is {times[wrong[0]]:g} s, expected 0 to {LATEST:g}"
        )
    return times


def poses_file(path: Path) -> Path:
    """Return where the poses of a sequence are, or would be.

    SemanticKITTI has poses.txt beside calib.txt; KITTI odometry a folder `poses` beside `sequences`, for 00 .. 10.
    """
    own, official = path / "poses.txt", path.parent.parent / "poses" / f"{path.name}.txt"
    return official if official.exists() and not own.exists() else own


def read_poses(path: Path, rows: Sequence[int]) -> NDArray[np.float64]:
    """Poses (N, 4, 4) of frames: camera 0 -> camera 0 at the start."""
    found = np.stack([poses.from_rows(row) for row in read_rows(path, 12, rows)])
    for row, pose in zip(rows, found, strict=True):
        if not poses.is_rigid(pose):
            raise SscError(f"{path}: the pose of frame {row:06d} is not a rigid transform: {pose[:3].tolist()}")
    return found
