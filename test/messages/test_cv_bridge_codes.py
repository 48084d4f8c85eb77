"""Encodings against cv_bridge's own table: which OpenCV type it reads them as, and by which code they become rgb8.

The table is that of ros-perception/vision_opencv (branch rolling), cv_bridge/src/cv_bridge.cpp: `getCvType` and
`getConversionCodes`. A name that stands for no colours (8UC3, ...) becomes none by cv_bridge, which gives the values as
they are; OpenCV's convention makes BGR of them, and so do we.
"""

from __future__ import annotations

import cv2
import pytest

from ssc_ros.messages.images import ENCODINGS

AS_IT_IS = None
TABLE = {
    "rgb8": (cv2.CV_8UC3, AS_IT_IS),
    "rgba8": (cv2.CV_8UC4, cv2.COLOR_RGBA2RGB),
    "rgb16": (cv2.CV_16UC3, AS_IT_IS),
    "rgba16": (cv2.CV_16UC4, cv2.COLOR_RGBA2RGB),
    "bgr8": (cv2.CV_8UC3, cv2.COLOR_BGR2RGB),
    "bgra8": (cv2.CV_8UC4, cv2.COLOR_BGRA2RGB),
    "bgr16": (cv2.CV_16UC3, cv2.COLOR_BGR2RGB),
    "bgra16": (cv2.CV_16UC4, cv2.COLOR_BGRA2RGB),
    "mono8": (cv2.CV_8UC1, cv2.COLOR_GRAY2RGB),
    "mono16": (cv2.CV_16UC1, cv2.COLOR_GRAY2RGB),
    "bayer_rggb8": (cv2.CV_8UC1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": (cv2.CV_8UC1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": (cv2.CV_8UC1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": (cv2.CV_8UC1, cv2.COLOR_BayerGB2RGB),
    "bayer_rggb16": (cv2.CV_16UC1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr16": (cv2.CV_16UC1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg16": (cv2.CV_16UC1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg16": (cv2.CV_16UC1, cv2.COLOR_BayerGB2RGB),
    "yuv422": (cv2.CV_8UC2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": (cv2.CV_8UC2, cv2.COLOR_YUV2RGB_YUY2),
}

NAMELESS = {
    "8UC1": (cv2.CV_8UC1, cv2.COLOR_GRAY2RGB),
    "8UC3": (cv2.CV_8UC3, cv2.COLOR_BGR2RGB),
    "8UC4": (cv2.CV_8UC4, cv2.COLOR_BGRA2RGB),
    "16UC1": (cv2.CV_16UC1, cv2.COLOR_GRAY2RGB),
    "16UC3": (cv2.CV_16UC3, cv2.COLOR_BGR2RGB),
    "16UC4": (cv2.CV_16UC4, cv2.COLOR_BGRA2RGB),
}
"""`getCvType` of generic names, and OpenCV's convention."""

BEYOND = {"uyvy", "yuyv", "nv12", "nv21"}
"""Names of sensor_msgs/image_encodings that this table does not have."""


@pytest.mark.parametrize("name", [*TABLE, *NAMELESS])
def test_type_and_code_are_those_of_cv_bridge(name: str) -> None:
    cv_type, code = (TABLE | NAMELESS)[name]
    encoding = ENCODINGS[name]
    assert cv2.CV_MAKETYPE({1: cv2.CV_8U, 2: cv2.CV_16U}[encoding.depth], encoding.channels) == cv_type
    assert encoding.to_rgb == code


def test_every_encoding_that_is_read_is_compared() -> None:
    assert ENCODINGS.keys() == TABLE.keys() | NAMELESS.keys() | BEYOND
