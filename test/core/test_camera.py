"""Projection: round trips, crop and scale, the whole of P, real calibrations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssc_ros.core import SscError, StereoRig, poses
from ssc_ros.data.kitti_text import read_calibration

OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0.1, 0, -1, 0, -0.1]))
LEFT = np.array([[718.856, 0, 607.1928, 45.38225], [0, 718.856, 185.2157, -0.1130887], [0, 0, 1, 0.003779761]])
RIGHT = np.array([[718.856, 0, 607.1928, -337.2877], [0, 718.856, 185.2157, 2.369057], [0, 0, 1, 0.004915215]])
RIG = StereoRig.from_projections(LEFT, RIGHT, (376, 1241), OPTICAL)
"""Sequence 00 of KITTI odometry, on a car of round numbers."""


@given(
    st.floats(-50, 1300), st.floats(-50, 450), st.floats(0.5, 80), st.integers(0, 100), st.integers(0, 100),
    st.sampled_from([(376, 1241), (188, 620), (384, 1280), (93, 311)]),
)  # fmt: skip
def test_unprojected_pixels_project_back_also_when_cropped_and_resized(
    u: float, v: float, depth: float, top: int, left: int, size: tuple[int, int]
) -> None:
    rig = RIG.cropped(top, left, 276, 1141).resized(*size)
    pixels, depths = rig.project(rig.unproject(np.array([[u, v]]), np.array([depth])))
    np.testing.assert_allclose(pixels, [[u, v]], atol=1e-6)
    np.testing.assert_allclose(depths, [depth], atol=1e-9)


def test_a_crop_moves_pixels_by_its_corner() -> None:
    points = np.array([[10.0, 1.0, -1.0], [30.0, -4.0, 2.0]])
    whole, _ = RIG.project(points)
    cropped, _ = RIG.cropped(6, 21, 370, 1220).project(points)
    np.testing.assert_allclose(cropped, whole - (21, 6), atol=1e-9)


def test_resizing_keeps_the_corners_of_the_image() -> None:
    """The outer corner of the first pixel is at (-0.5, -0.5) at any size, that of the last at (W, H) - 0.5."""
    corners = np.array([[-0.5, -0.5], [1240.5, 375.5]])
    points = RIG.unproject(corners, np.array([5.0, 5.0]))
    resized, _ = RIG.resized(188, 640).project(points)
    np.testing.assert_allclose(resized, [[-0.5, -0.5], [639.5, 187.5]], atol=1e-9)


def test_the_baseline_is_that_of_the_projections() -> None:
    assert RIG.baseline == pytest.approx(0.5323, abs=5e-5)
    assert RIG.resized(188, 640).baseline == RIG.baseline


def test_disparity_is_the_distance_between_the_projections_of_both_cameras() -> None:
    k = np.array([[700.0, 0, 600, 0], [0, 700, 180, 0], [0, 0, 1, 0]])
    left, right = k.copy(), k.copy()
    left[0, 3], right[0, 3] = (
        42.0,
        -336.0,
    )  # the left centre 6 cm left of the reference, the right one 48 cm right of it
    rig = StereoRig.from_projections(left, right, (376, 1241), OPTICAL)
    assert rig.baseline == pytest.approx(0.54)
    points = np.array([[12.0, 2.0, -1.0], [25.0, -3.0, 0.5]])
    reference = np.concatenate([poses.apply(poses.inverse(OPTICAL), points), np.ones((2, 1))], axis=1)
    u_left, u_right = ((reference @ p.T)[:, 0] / (reference @ p.T)[:, 2] for p in (left, right))
    np.testing.assert_allclose(rig.depth_from_disparity(u_left - u_right), rig.project(points)[1], rtol=1e-6)


def test_disparities_that_are_not_positive_have_no_depth() -> None:
    depth = RIG.depth_from_disparity(np.array([0.0, -1.0, np.nan, 10.0]))
    assert np.isnan(depth[:3]).all()
    assert depth[3] == pytest.approx(718.856 * RIG.baseline / 10, rel=1e-6)


@pytest.mark.parametrize("sequence", ["00", "08"])
def test_the_whole_of_p2_is_respected_on_real_calibrations(kitti_root: Path, sequence: str) -> None:
    """Pixels are those of P2 Tr X, as KITTI's own tools compute them; dropping the fourth column is pixels off."""
    folder = kitti_root / "sequences" / sequence
    calibration = read_calibration(folder / "calib.txt")
    T_camera_lidar = poses.from_rows(calibration["Tr"])
    rig = StereoRig.from_projections(calibration["P2"], calibration["P3"], (370, 1226), poses.inverse(T_camera_lidar))
    points = np.fromfile(folder / "velodyne" / "000000.bin", np.float32).reshape(-1, 4)[:, :3].astype(np.float64)
    camera = np.concatenate([poses.apply(T_camera_lidar, points), np.ones((len(points), 1))], axis=1)
    projected = camera @ calibration["P2"].T
    ahead = projected[:, 2] > 1
    direct = projected[ahead, :2] / projected[ahead, 2:]
    ours, depth = rig.project(points[ahead])
    np.testing.assert_allclose(ours, direct, atol=1e-3)
    np.testing.assert_allclose(depth, projected[ahead, 2], atol=1e-5)
    without = camera[ahead, :3] @ calibration["P2"][:, :3].T
    assert np.abs(without[:, 0] / without[:, 2] - direct[:, 0]).mean() > 1


def test_the_view_ends_at_the_outer_edges_of_the_pixels_and_behind_the_camera() -> None:
    edges = np.array([[-0.49, 10], [-0.51, 10], [1240.49, 10], [1240.51, 10], [5, -0.51], [5, 375.49]])
    points = RIG.unproject(edges, np.full(6, 10.0))
    assert RIG.in_view(points).tolist() == [True, False, True, False, False, True]
    behind = RIG.unproject(np.array([[600.0, 180.0]]), np.array([-10.0]))
    assert not RIG.in_view(behind).any()
    assert np.isnan(RIG.project(behind)[0]).all()


def test_what_is_in_view_projects_into_the_image() -> None:
    points = np.random.default_rng(0).uniform((-20, -40, -10), (60, 40, 10), (50, 40, 3))
    (u, v), depth = np.moveaxis(RIG.project(points)[0], -1, 0), RIG.project(points)[1]
    height, width = RIG.image_size
    expected = (depth > 0) & (u >= -0.5) & (u < width - 0.5) & (v >= -0.5) & (v < height - 0.5)
    np.testing.assert_array_equal(RIG.in_view(points), expected)
    assert 0.1 < expected.mean() < 0.9


def test_a_rig_that_cannot_be_is_refused() -> None:
    with pytest.raises(SscError, match="left and right swapped"):
        StereoRig.from_projections(RIGHT, LEFT, (376, 1241), OPTICAL)
    with pytest.raises(SscError, match="uncalibrated"):
        StereoRig.from_projections(np.zeros((3, 4)), RIGHT, (376, 1241), OPTICAL)
    with pytest.raises(SscError, match="not a rigid transform"):
        StereoRig.from_projections(LEFT, RIGHT, (376, 1241), 2 * OPTICAL)
