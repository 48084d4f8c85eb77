"""The matcher finds a known shift, and points project back to their pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ssc_ros.core import Frame, SscError, StereoRig, poses
from ssc_ros.data.sequence import open_sequences
from ssc_ros.inference.stereo import StereoMatcher, stereo_points
from ssc_ros.kernels import matching_cost, semi_global

OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0, 0, -1, 0, -0.1]))


def textured_pair(shift: int) -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(0).integers(0, 256, (96, 320 + shift, 3), np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 1.0)
    # a point at column u of the left image is at u - shift in the right one
    return texture[:, :320].copy(), texture[:, shift:].copy()


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_shifted_texture_has_that_disparity(scale: float) -> None:
    left, right = textured_pair(12)
    disparity = StereoMatcher(scale).disparity(left, right)
    assert disparity.shape == (round(96 * scale), round(320 * scale))
    inner = disparity[:, round(20 * scale) :]
    assert np.isfinite(inner).mean() > 0.8
    assert abs(np.nanmedian(inner) - 12) < 0.5


def test_points_project_back_to_their_pixels_and_depths() -> None:
    rig = StereoRig(np.array([[200.0, 0, 160], [0, 200, 48], [0, 0, 1]]), 0.5, (96, 320), OPTICAL)
    image = np.zeros((96, 320, 3), np.uint8)
    depth = np.full((48, 160), np.nan, np.float32)
    depth[10, 20], depth[40, 150] = 7.5, 31.0
    points = stereo_points(Frame(0, image, image, rig), depth)
    pixels, back = rig.project(points)
    np.testing.assert_allclose(back, [7.5, 31.0], rtol=1e-5)
    # the centre of half-size pixel (20, 10) lies between the full-size pixels 40 and 41
    np.testing.assert_allclose(pixels, [[40.5, 20.5], [300.5, 80.5]], atol=1e-3)


def test_a_senseless_scale_is_refused() -> None:
    with pytest.raises(SscError, match="scale"):
        StereoMatcher(0.0)


@pytest.mark.parametrize(("height", "width"), [(9, 66), (40, 200), (97, 333)])
@pytest.mark.parametrize("threads", [1, 2])
def test_our_matching_is_opencvs(height: int, width: int, threads: int) -> None:
    """The same number for each pixel: rough and flat surfaces, noise, what is hidden, and what does not match."""
    rng = np.random.default_rng(height)
    rough = cv2.GaussianBlur(rng.integers(0, 256, (height, width), np.uint8), (0, 0), 1.5)
    near = np.roll(rough, -21, axis=1)
    near[:, width // 2 :] = np.roll(rough, -5, axis=1)[:, width // 2 :]
    near[height // 3 : height // 2] = 90  # flat
    near = cv2.add(near, rng.integers(0, 9, near.shape, np.uint8))
    expected = cv2.StereoSGBM.create(
        numDisparities=matching_cost.LEVELS,
        blockSize=matching_cost.BLOCK,
        P1=72,
        P2=288,
        disp12MaxDiff=1,
        preFilterCap=matching_cost.DERIVATIVE_CAP,
        uniquenessRatio=8,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    ).compute(rough, near)
    found = semi_global.match(rough, near, p1=72, p2=288, uniqueness=8, tolerance=1, threads=threads)
    np.testing.assert_array_equal(found, expected)
    assert (found >= 0).mean() > 0.02


def test_our_matching_is_opencvs_on_real_pairs(kitti_root: Path) -> None:
    (sequence,) = open_sequences(kitti_root, ["08"])
    frame = sequence.frame("000000", with_points=False)
    matcher = StereoMatcher(0.5)
    grey = [cv2.resize(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), None, fx=0.5, fy=0.5) for x in (frame.left, frame.right)]
    np.testing.assert_array_equal(matcher._match(*grey), matcher._engine.compute(*grey))
