"""The calibration of a stereo pair from files, as the two camera_info messages that would say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from ssc_ros.core import SscError

PAIRS = (("P2", "P3"), ("P_rect_02", "P_rect_03"), ("P_rect_00", "P_rect_01"), ("P0", "P1"))
"""Names of the rectified projections in text files, colour cameras first: KITTI odometry, KITTI raw, KITTI-360."""


LENS = "camera_matrix", "distortion_coefficients", "rectification_matrix"
"""What a YAML file of a camera calls K, D and R; rectified images do without."""


@dataclass(frozen=True)
class Region:
    """The whole image, as a sensor_msgs/RegionOfInterest says it."""

    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class CameraInfo:
    """What `stereo_rig` reads of a sensor_msgs/CameraInfo.

    Attributes:
        p: (12,) float64, projection of the rectified camera, row by row.
        height, width: of the image [px].
        k, r: (9,) float64, matrix of the raw camera [px], and its rotation into the rectified one; empty if not known.
        d: coefficients of the distortion model.
    """

    p: NDArray[np.float64]
    height: int
    width: int
    binning_x: int = 0
    binning_y: int = 0
    roi: Region = Region()
    distortion_model: str = ""
    k: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    d: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    r: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


def read_stereo_calibration(files: Sequence[Path], image_size: tuple[int, int]) -> tuple[CameraInfo, CameraInfo]:
    """Read the calibration of a rectified pair.

    Args:
        files: two YAML files of ROS's camera_calibration, left and right; or one text file: KITTI's calib.txt or
            calib_cam_to_cam.txt, KITTI-360's perspective.txt.
        image_size: (height, width) [px], where a file does not say it.

    Raises:
        SscError: a file cannot be read, or holds no calibration of a pair.
    """
    if len(files) == 2:
        return _read_yaml(files[0]), _read_yaml(files[1])
    if len(files) != 1:
        raise SscError(f"expected one or two calibration files, got {len(files)}")
    if files[0].suffix in (".yaml", ".yml"):
        raise SscError(f"{files[0]} is the calibration of one camera; give two files, left and right")
    return _read_text(files[0], image_size)


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SscError(f"cannot read the calibration {path}: {error}") from error


def _read_yaml(path: Path) -> CameraInfo:
    """One camera, in the format of camera_calibration_parsers."""
    try:
        content = yaml.safe_load(_content(path))
        p = np.array(content["projection_matrix"]["data"], np.float64).reshape(12)
        k, d, r = (np.array(content.get(name, {"data": ()})["data"], np.float64).reshape(-1) for name in LENS)
        height, width = int(content["image_height"]), int(content["image_width"])
        return CameraInfo(p, height, width, distortion_model=str(content.get("distortion_model", "")), k=k, d=d, r=r)
    except (yaml.YAMLError, RecursionError, KeyError, TypeError, ValueError) as error:
        raise SscError(
            f"{path} is no camera_info file: it needs image_width, image_height and projection_matrix with 12 numbers "
            f"({type(error).__name__}: {error})"
        ) from error


def _read_text(path: Path, image_size: tuple[int, int]) -> tuple[CameraInfo, CameraInfo]:
    """Both cameras from lines of a name and numbers."""
    values = _named_numbers(_content(path))
    for left, right in PAIRS:
        if left in values and right in values:
            if {values[left].size, values[right].size} != {12}:
                raise SscError(f"{path}: {left} and {right} must have 12 numbers each, a 3x4 projection")
            size = values.get(left.replace("P_", "S_"), np.empty(0))  # width, height
            height, width = (int(size[1]), int(size[0])) if size.size == 2 else image_size
            return CameraInfo(values[left], height, width), CameraInfo(values[right], height, width)
    names = " or ".join(f"{left} and {right}" for left, right in PAIRS)
    raise SscError(f"{path} has no pair of rectified projections; expected lines that begin with {names}")


def _named_numbers(text: str) -> Mapping[str, NDArray[np.float64]]:
    found: dict[str, NDArray[np.float64]] = {}
    for line in text.splitlines():
        name, _, numbers = line.partition(":")
        try:
            found[name.strip()] = np.array(numbers.split(), np.float64)
        except ValueError:  # a date, a comment
            continue
    return found
