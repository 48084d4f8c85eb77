"""From two camera_info messages to a `StereoRig`, with everything checked that would make depth wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SscError, StereoRig
from ssc_ros.messages.drops import Drop, UnusableInput

Matrix = NDArray[np.float64]

BASELINES = 0.01, 3.0
"""Shortest and longest baseline of a rig that anyone mounts [m]; others are written in another unit."""

FOCAL_LENGTHS = 1.0, 1e6
"""Shortest and longest focal length of a camera that sees anything [px]; others are of another unit, or not set."""

LARGEST_TILT = 0.02
"""How far the right centre may lie off the left rows, as a part of the baseline. KITTI's rigs have 0.006."""


def stereo_rig(left: Any, right: Any, T_grid_camera: Matrix) -> StereoRig:
    """The rig of two rectified cameras.

    Args:
        left, right: sensor_msgs/CameraInfo of the rectified images; both P in the left camera's frame.
        T_grid_camera: (4, 4), frame of the left camera_info -> grid frame.

    Raises:
        UnusableInput: P is zero or not of a rectified pair, sizes disagree, or the baseline is not positive or not of a
            rig in metres.
    """
    left_p, right_p = _projection(left, "left"), _projection(right, "right")
    size = _image_size(left, "left")
    if _image_size(right, "right") != size:
        raise _unusable(f"left and right camera_info are for images of {size} and {_image_size(right, 'right')}")
    _check_rectified(left_p, right_p)
    try:
        rig = StereoRig.from_projections(left_p, right_p, size, T_grid_camera)
    except SscError as error:
        raise _unusable(str(error)) from error
    if not BASELINES[0] <= rig.baseline <= BASELINES[1]:
        raise _unusable(
            f"the baseline is {rig.baseline:.6g} m, expected {BASELINES[0]} to {BASELINES[1]} m: P[0,3] of the right "
            "camera_info is -fx * baseline with the baseline in metres; was the pair calibrated in another unit?"
        )
    offset = np.linalg.solve(left_p[:, :3], right_p[:, 3] - left_p[:, 3])
    if np.abs(offset[1:]).max() > LARGEST_TILT * rig.baseline:
        raise _unusable(
            f"the right camera is offset by {np.round(-offset, 4).tolist()} m from the left one, not along its rows; "
            "rectify both images with one stereo calibration"
        )
    return rig


def _projection(info: Any, side: str) -> Matrix:
    p = np.asarray(info.p, np.float64).reshape(3, 4)
    low, high = FOCAL_LENGTHS
    is_camera = np.isfinite(p).all() and low <= p[0, 0] <= high and low <= p[1, 1] <= high
    if not is_camera or np.abs(p).max() > high**2:
        raise _unusable(
            f"P of the {side} camera_info is {np.round(p, 3).tolist()}, it has no focal length: the camera is not "
            "calibrated; calibrate it, or load its calibration file in the driver"
        )
    return p


def _image_size(info: Any, side: str) -> tuple[int, int]:
    """(height, width) [px]."""
    size = int(info.height), int(info.width)
    roi = info.roi
    partial = roi.width not in (0, size[1]) or roi.height not in (0, size[0])
    if partial or max(info.binning_x, info.binning_y) > 1:
        raise _unusable(f"the {side} camera_info has binning or a region of interest; publish the full images")
    return size


def _check_rectified(left: Matrix, right: Matrix) -> None:
    scale = left[0, 0]
    skew = max(abs(m).max() for p in (left, right) for m in (p[0, 1], p[1, 0], p[2, :2])) / scale
    unequal = np.abs(left[:, :3] - right[:, :3]).max() / scale
    if skew > 1e-6 or unequal > 1e-4 or not np.allclose((left[2, 2], right[2, 2]), 1):
        raise _unusable(
            f"left and right P are not those of a rectified pair: {np.round(left, 3).tolist()} and "
            f"{np.round(right, 3).tolist()} must agree but for the last column; rectify with one stereo calibration "
            "(zero disparity at infinity) and publish its camera_info"
        )


def _unusable(text: str) -> UnusableInput:
    return UnusableInput(Drop.CALIBRATION, text)
