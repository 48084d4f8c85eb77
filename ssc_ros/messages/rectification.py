"""Rectifies raw images by what their camera_info says of lens and place, with maps computed once a calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.messages.drops import Drop, UnusableInput

Image = NDArray[np.uint8]
Matrix = NDArray[np.float64]
Rectify = Callable[[Image], Image]
"""Takes an image (H, W, 3) as it was sensed, and returns the rectified one of the same size."""

COEFFICIENTS = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}
"""Numbers in D by distortion model, as sensor_msgs/distortion_models names them; their order is OpenCV's."""


@dataclass(frozen=True)
class RectifyingMaps:
    """Where each pixel of a rectified image is looked up in the raw one.

    Attributes:
        places: (H, W, 2) int16, column and row [px].
        fractions: (H, W) uint16, index into OpenCV's table of 32 x 32 fractions of a pixel.
    """

    places: NDArray[np.int16]
    fractions: NDArray[np.uint16]

    @staticmethod
    def of(info: Any, side: str) -> RectifyingMaps:
        """The maps of a camera, as image_proc has them.

        Args:
            info: sensor_msgs/CameraInfo of the raw image: K, D, R and P.
            side: for the error, "left" or "right".

        Raises:
            UnusableInput: a distortion model that is not known, or numbers that no calibration has.
        """
        k, r, p = _matrix(info.k, side, "K", 3), _matrix(info.r, side, "R", 3), _matrix(info.p, side, "P", 4)
        d = np.asarray(info.d, np.float64).reshape(-1)
        _require_model(info.distortion_model, d, side)
        if not np.isfinite(k).all() or k[0, 0] <= 0 or k[1, 1] <= 0:
            raise _unusable(
                f"K of the {side} camera_info is {np.round(k, 3).tolist()}, it has no focal length: the camera is not "
                "calibrated"
            )
        if not (np.isfinite(r).all() and np.allclose(r @ r.T, np.eye(3), atol=1e-3) and np.linalg.det(r) > 0):
            raise _unusable(
                f"R of the {side} camera_info is {np.round(r, 3).tolist()}, which is no rotation: calibrate the pair, "
                "not each camera alone"
            )
        size = int(info.width), int(info.height)
        if info.distortion_model == "equidistant":
            maps = cv2.fisheye.initUndistortRectifyMap(k, d, r, p[:, :3], size, cv2.CV_16SC2)
        else:
            maps = cv2.initUndistortRectifyMap(k, d, r, p[:, :3], size, cv2.CV_16SC2)
        return RectifyingMaps(np.asarray(maps[0], np.int16), np.asarray(maps[1], np.uint16))

    def __call__(self, image: Image) -> Image:
        """Rectify an image (H, W, 3), with linear interpolation; black where the lens has not looked."""
        return np.asarray(cv2.remap(image, self.places, self.fractions, cv2.INTER_LINEAR), np.uint8)


def keep(image: Image) -> Image:
    """Return an image as it is."""
    return image


def rectifiers(left: Any, right: Any, raw: bool) -> tuple[Rectify, Rectify]:
    """Return what is to be done to the images of both sides: nothing, if they are not raw.

    Args:
        left, right: sensor_msgs/CameraInfo.
        raw: whether the images are as the lenses see them (parameter `rectify`).

    Raises:
        UnusableInput: see `RectifyingMaps.of`.
    """
    if not raw:
        return keep, keep
    return RectifyingMaps.of(left, "left"), RectifyingMaps.of(right, "right")


def rectified(pairs: Iterable[tuple[Image, Image]], left: Any, right: Any, raw: bool) -> Iterator[tuple[Image, Image]]:
    """Yield each pair of images as `rectifiers` of the same calibration make it."""
    of_left, of_right = rectifiers(left, right, raw)
    for one, other in pairs:
        yield of_left(one), of_right(other)


def lens_key(info: Any) -> tuple[Any, ...]:
    """Return what the maps of a camera depend on, to be compared with what was known before."""
    return info.distortion_model, *(bytes(np.asarray(numbers, np.float64)) for numbers in (info.k, info.d, info.r))


def doubt_topic(name: str, raw: bool) -> str:
    """Say why the images of a topic may not be what the parameter `rectify` says; empty for any other name.

    Args:
        name: resolved, by image_proc's convention ".../image_raw" or ".../image_rect".
        raw: value of the parameter.
    """
    base = name.removesuffix("/compressed").rpartition("/")[2]
    if "raw" in base and not raw:
        return f"{name} has raw images by its name: set rectify: true, or subscribe to rectified ones"
    if "rect" in base and raw:
        return f"{name} has rectified images by its name, but rectify is true: remap it to the raw ones"
    return ""


def _matrix(numbers: Any, side: str, name: str, columns: int) -> Matrix:
    """A matrix of three rows."""
    found = np.asarray(numbers, np.float64)
    if found.size != 3 * columns:
        raise _unusable(f"the {side} camera_info has no {name}, without which raw images cannot be rectified")
    return found.reshape(3, columns)


def _require_model(model: str, d: Matrix, side: str) -> None:
    counts = COEFFICIENTS.get(model)
    if counts is None:
        raise _unusable(
            f"the {side} camera_info has the distortion model '{model}', known are {', '.join(COEFFICIENTS)}: let "
            "image_proc rectify, or calibrate with one of these"
        )
    if d.size not in counts or not np.isfinite(d).all():
        raise _unusable(
            f"D of the {side} camera_info is {d.tolist()}, expected {' or '.join(map(str, counts))} finite numbers for "
            f"the distortion model '{model}' (zeros for a lens without distortion)"
        )


def _unusable(text: str) -> UnusableInput:
    return UnusableInput(Drop.CALIBRATION, text)
