"""Frames of raw images: rectified by their own calibration, which may change while the node runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.assembly.frames import FrameAssembler, StereoSet
from ssc_ros.assembly.settings import CameraSettings, Settings
from ssc_ros.assembly.transform_tree import TransformTree
from ssc_ros.assembly.transforms import Transforms
from ssc_ros.messages.drops import Drop, UnusableInput

WIDTH, HEIGHT, BASELINE = 64, 48, 0.2
K = np.array([[50.0, 0, 31.0], [0, 50.0, 24.0], [0, 0, 1]])
EXTRINSICS = (0.0, 0.0, 0.0, -0.5, 0.5, -0.5, 0.5)
RAW = [np.random.default_rng(i).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for i in range(2)]


def info(right: bool, k1: float = -0.2, **changes: Any) -> SimpleNamespace:
    p = np.c_[K, [-K[0, 0] * BASELINE if right else 0.0, 0, 0]]
    fields = {"k": K.ravel(), "d": [k1, 0.0, 0.0, 0.0, 0.0], "r": np.eye(3).ravel(), "p": p.ravel()}
    fields |= {"width": WIDTH, "height": HEIGHT, "binning_x": 0, "binning_y": 0, "distortion_model": "plumb_bob"}
    roi, header = SimpleNamespace(width=0, height=0), SimpleNamespace(frame_id="camera")
    return SimpleNamespace(**{"roi": roi, "header": header} | fields | changes)


def image(pixels: NDArray[np.uint8]) -> SimpleNamespace:
    header = SimpleNamespace(stamp=SimpleNamespace(sec=1, nanosec=0))
    sizes = {"height": HEIGHT, "width": WIDTH, "step": 3 * WIDTH}
    return SimpleNamespace(header=header, encoding="rgb8", is_bigendian=0, data=pixels.tobytes(), **sizes)


def messages(left_info: SimpleNamespace, right_info: SimpleNamespace) -> StereoSet:
    return StereoSet(image(RAW[0]), image(RAW[1]), None, left_info, right_info, 0)


def assembler(rectify: bool) -> FrameAssembler:
    settings = Settings(rectify=rectify, camera=CameraSettings(extrinsics=EXTRINSICS))
    return FrameAssembler(settings, Transforms("velodyne", TransformTree([])), left_out=pytest.fail)


def undistorted(pixels: NDArray[np.uint8], k1: float) -> NDArray[np.uint8]:
    """By OpenCV's one call that does it all."""
    return np.asarray(cv2.undistort(pixels, K, np.array([k1, 0, 0, 0, 0.0])), np.uint8)


def test_raw_images_are_rectified_where_that_is_asked_for() -> None:
    inputs = messages(info(False), info(True))
    frame = assembler(rectify=True)(inputs)
    np.testing.assert_array_equal(frame.left, undistorted(RAW[0], -0.2))
    np.testing.assert_array_equal(frame.right, undistorted(RAW[1], -0.2))
    assert frame.rig.baseline == pytest.approx(BASELINE)
    np.testing.assert_array_equal(assembler(rectify=False)(inputs).left, RAW[0])


def test_another_lens_takes_effect_with_the_next_frame() -> None:
    assemble = assembler(rectify=True)
    assemble(messages(info(False), info(True)))
    frame = assemble(messages(info(False, k1=0.1), info(True)))
    np.testing.assert_array_equal(frame.left, undistorted(RAW[0], 0.1))
    np.testing.assert_array_equal(frame.right, undistorted(RAW[1], -0.2))


@pytest.mark.parametrize("changes", [{"distortion_model": "unknown"}, {"d": []}, {"p": np.zeros(12)}, {"width": 65}])
def test_a_calibration_that_cannot_be_used_costs_the_frame_with_a_reason(changes: dict[str, Any]) -> None:
    with pytest.raises(UnusableInput) as refused:
        assembler(rectify=True)(messages(info(False, **changes), info(True, **changes)))
    assert refused.value.reason in (Drop.CALIBRATION, Drop.IMAGE_SIZE)
