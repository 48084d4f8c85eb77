"""Raw images made rectified: against OpenCV's maps, and against the lens equations written out."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.rectification import RectifyingMaps, doubt_topic, rectifiers

WIDTH, HEIGHT = 320, 200
K = np.array([[260.0, 0, 158.3], [0, 262.0, 101.7], [0, 0, 1]])
P = np.array([[250.0, 0, 161.0, -30.0], [0, 250.0, 99.0, 0], [0, 0, 1, 0]])
R = Rotation.from_rotvec([0.02, -0.03, 0.01]).as_matrix()
LENSES = {
    "plumb_bob": [-0.31, 0.11, 0.0008, -0.0005, -0.02],
    "rational_polynomial": [0.4, -0.1, 0.0003, 0.0002, 0.01, 0.7, 0.02, 0.001],
    "equidistant": [-0.02, 0.004, -0.003, 0.0006],
}


def info(model: str = "plumb_bob", **changes: Any) -> SimpleNamespace:
    fields: dict[str, Any] = {"distortion_model": model, "width": WIDTH, "height": HEIGHT}
    fields |= {"k": K.ravel(), "d": LENSES.get(model, []), "r": R.ravel(), "p": P.ravel()}
    return SimpleNamespace(**fields | changes)


def looked_up(maps: RectifyingMaps) -> NDArray[np.float64]:
    """Places (H, W, 2) in the raw image [px], as fine as OpenCV keeps them."""
    steps = maps.fractions & (cv2.INTER_TAB_SIZE2 - 1)
    return maps.places + np.stack([steps % cv2.INTER_TAB_SIZE, steps // cv2.INTER_TAB_SIZE], axis=-1) / 32


def lens(model: str, rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a ray (..., 3) of the raw camera meets its sensor [px]: the equations of sensor_msgs/CameraInfo."""
    x, y = rays[..., 0] / rays[..., 2], rays[..., 1] / rays[..., 2]
    d = LENSES[model]
    r2 = x**2 + y**2
    if model == "equidistant":  # Kannala and Brandt 2006
        theta = np.arctan(np.sqrt(r2))
        bent = theta * (1 + sum(k * theta ** (2 * i + 2) for i, k in enumerate(d)))
        x, y = x * bent / np.sqrt(r2), y * bent / np.sqrt(r2)
    else:  # Brown 1966; the rational one divides
        k1, k2, p1, p2, k3, *below = d
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        if below:
            radial /= 1 + r2 * (below[0] + r2 * (below[1] + r2 * below[2]))
        x, y = (
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2),
            y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y,
        )
    return np.stack([K[0, 0] * x + K[0, 2], K[1, 1] * y + K[1, 2]], axis=-1)


@pytest.mark.parametrize("model", LENSES)
def test_each_pixel_is_looked_up_where_the_lens_equations_say(model: str) -> None:
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.stack([(u - P[0, 2]) / P[0, 0], (v - P[1, 2]) / P[1, 1], np.ones_like(u, float)], -1) @ R
    found = looked_up(RectifyingMaps.of(info(model), "left"))
    np.testing.assert_allclose(found, lens(model, rays), atol=0.5 / 32 + 1e-6)


@pytest.mark.parametrize("model", LENSES)
def test_an_image_is_rectified_as_opencv_does_it(model: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    make = cv2.fisheye.initUndistortRectifyMap if model == "equidistant" else cv2.initUndistortRectifyMap
    maps = make(K, np.array(LENSES[model]), R, P[:, :3], (WIDTH, HEIGHT), cv2.CV_32FC1)
    expected = cv2.remap(cv2.GaussianBlur(image, (0, 0), 2), *maps, cv2.INTER_LINEAR)
    found = RectifyingMaps.of(info(model), "left")(np.asarray(cv2.GaussianBlur(image, (0, 0), 2), np.uint8))
    difference = cv2.absdiff(found, expected)
    assert difference.max() <= 4  # they differ in how they round fractions of a pixel, to 1 / 32
    assert difference.mean() < 0.05


def test_a_lens_without_distortion_and_rotation_changes_nothing() -> None:
    image = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    plain = info(k=P[:, :3].ravel(), d=np.zeros(5), r=np.eye(3).ravel())
    np.testing.assert_array_equal(rectifiers(plain, plain, raw=True)[0](image), image)
    assert rectifiers(None, None, raw=False)[1](image) is image


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"distortion_model": "ftheta"}, "'ftheta', known are plumb_bob, rational_polynomial, equidistant"),
        ({"distortion_model": ""}, "distortion model ''"),
        ({"d": []}, r"D of the right camera_info is \[\], expected 4 or 5"),
        ({"d": [0.1] * 8}, "expected 4 or 5"),
        ({"d": [np.nan] * 5}, "finite"),
        ({"k": np.zeros(9)}, "K of the right camera_info"),
        ({"r": np.zeros(9)}, "no rotation"),
        ({"r": -np.eye(3).ravel()}, "no rotation"),
    ],
)
def test_what_no_calibration_says_is_refused_with_the_side_and_the_number(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UnusableInput, match=words) as refused:
        rectifiers(info(), info(**changes), raw=True)
    assert refused.value.reason is Drop.CALIBRATION


@pytest.mark.parametrize(
    ("topic", "raw", "doubt"),
    [
        ("/zed/left/image_raw", False, "set rectify: true"),
        ("/zed/left/image_raw/compressed", False, "set rectify: true"),
        ("/zed/left/image_rect_color", True, "rectify is true"),
        ("/zed/left/image_raw", True, ""),
        ("/left/image_rect", False, ""),
        ("/cam0/image", True, ""),
        ("/raw/left/image", False, ""),
    ],
)
def test_a_topic_whose_name_contradicts_the_parameter_is_doubted(topic: str, raw: bool, doubt: str) -> None:
    said = doubt_topic(topic, raw)
    assert doubt in said
    assert bool(said) == bool(doubt)


def test_a_pair_of_kitti_size_takes_little_time() -> None:
    size = {"width": 1241, "height": 376}
    maps = RectifyingMaps.of(info(**size), "left")
    image = np.random.default_rng(2).integers(0, 256, (size["height"], size["width"], 3), np.uint8)
    times = []
    for _ in range(30):
        begin = time.process_time()
        maps(image)
        maps(image)
        times.append(time.process_time() - begin)
    assert min(times) < 0.012  # of all threads together; 3 ms on an idle machine, others may be at work here
