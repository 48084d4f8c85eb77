"""The sensors of KITTI, as its paper and its files describe them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssc_ros.core import poses
from ssc_ros.simulation.primitives import Builder, Material
from ssc_ros.simulation.raycast import into_frame, out_of_frame
from ssc_ros.simulation.rays import Vector
from ssc_ros.simulation.rig import kitti_rig


@pytest.mark.parametrize("sequence", [0, 3, 8])
def test_the_right_camera_is_half_a_metre_to_the_right_of_the_left_one(sequence: int) -> None:
    rig = kitti_rig(sequence)
    T_left_right = poses.inverse(rig.left.T_grid_camera) @ rig.right.T_grid_camera
    assert rig.calibration.baseline == pytest.approx(0.54, abs=0.01)
    assert T_left_right[:3, 3] == pytest.approx((rig.calibration.baseline, 0, 0), abs=0.02)
    assert T_left_right[:3, :3] == pytest.approx(np.eye(3), abs=1e-6)


def test_the_lidar_looks_a_little_up_and_far_down_all_around() -> None:
    lidar = kitti_rig(0).lidar
    directions = lidar.directions.reshape(64, lidar.columns, 3)
    assert np.linalg.norm(directions, axis=2) == pytest.approx(1)
    elevation = np.degrees(np.arcsin(directions[..., 2]))
    assert elevation.max() == pytest.approx(2.0)
    assert elevation.min() == pytest.approx(-24.8)
    azimuth = np.unwrap(np.arctan2(directions[0, :, 1], directions[0, :, 0]))
    assert np.diff(azimuth) == pytest.approx(2 * np.pi / lidar.columns)


@settings(deadline=None)  # the first example compiles
@given(st.floats(-3.2, 3.2), st.tuples(*[st.floats(-1, 1)] * 3))
def test_a_turned_box_has_a_frame_of_its_own(yaw: float, direction: tuple[float, float, float]) -> None:
    builder = Builder(np.random.default_rng(0))
    builder.box((0, 0, 0), (1, 1, 1), Material.PLAIN, (1, 1, 1), yaw=yaw)
    (row,) = builder.build().rows
    v = Vector(*direction)
    assert out_of_frame(row, into_frame(row, v)) == pytest.approx(v)
    ahead = out_of_frame(row, Vector(1.0, 0.0, 0.0))
    assert ahead == pytest.approx((np.cos(yaw), np.sin(yaw), 0))
