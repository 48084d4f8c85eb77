"""Rigs that are drawn or read from a file, against what they were asked to be."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ssc_ros.core import SscError, StereoRig, poses
from ssc_ros.data.kitti_text import read_calibration
from ssc_ros.inference.mount import mount_of
from ssc_ros.simulation.rig_file import read_rig
from ssc_ros.simulation.rig_random import CAMERAS, random_rig
from ssc_ros.simulation.rig_spec import CameraSpec, LidarSpec, RigSpec

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "rig.yaml"
GROUND = -1.73
"""In KITTI's LiDAR frame [m]."""

cameras = st.builds(
    CameraSpec,
    width=st.integers(64, 4096),
    height=st.integers(64, 4096),
    focal_length=st.floats(100, 2000),
    baseline=st.floats(0.02, 1.0),
    mount_height=st.floats(0.2, 3.0),
    pitch=st.floats(-20, 20),
    roll=st.floats(-20, 20),
    forward=st.floats(-2, 2),
    left=st.floats(-2, 2),
)


@given(st.integers(0, 10**6), st.integers(0, 99))
def test_a_random_rig_is_a_common_one_and_a_function_of_seed_and_number(seed: int, sequence: int) -> None:
    spec = random_rig(seed, sequence)
    assert spec == random_rig(seed, sequence)
    assert spec != random_rig(seed + 1, sequence)
    assert spec != random_rig(seed, sequence + 1)
    camera, lidar = spec.camera, spec.lidar
    assert 0.4 <= camera.mount_height <= 2.2
    assert 0.05 <= camera.baseline <= 0.6
    assert max(abs(camera.pitch), abs(camera.roll)) <= 4
    assert (camera.width, camera.height) in {(kind.width, kind.height) for kind in CAMERAS}
    assert 68 < 2 * np.degrees(np.arctan(camera.width / 2 / camera.focal_length)) < 106
    assert lidar is not None
    assert lidar.beams in (16, 32, 64, 128)
    assert camera.mount_height < lidar.mount_height < 2.7
    assert lidar.forward <= camera.forward


def test_every_common_rig_is_drawn_and_the_largest_image_rarely() -> None:
    specs = [random_rig(seed, sequence) for seed in range(20) for sequence in range(50)]
    sizes = Counter((spec.camera.width, spec.camera.height) for spec in specs)
    assert sizes.keys() == {(kind.width, kind.height) for kind in CAMERAS}
    assert sizes[1920, 1200] < 0.05 * len(specs)
    beams = Counter(spec.lidar.beams for spec in specs if spec.lidar)
    assert all(0.2 < beams[n] / len(specs) < 0.3 for n in (16, 32, 64, 128))
    assert 0.3 < np.mean([spec.camera.mono for spec in specs]) < 0.8
    for values, low, high in (
        ([spec.camera.mount_height for spec in specs], 0.42, 2.18),
        ([spec.camera.baseline for spec in specs], 0.052, 0.58),
        ([spec.camera.pitch for spec in specs], -3.9, 3.9),
        ([spec.camera.roll for spec in specs], -3.9, 3.9),
    ):
        assert min(values) < low
        assert max(values) > high


@given(cameras)
def test_the_calibration_puts_the_camera_where_it_was_asked_to_be(camera: CameraSpec) -> None:
    """`mount_of` reads height and angles off extrinsics, and has its own way to do it."""
    calibration = camera.calibration()
    rig = RigSpec(camera).rig()
    mount = mount_of(rig.left.T_grid_camera, GROUND)
    asked = camera.mount_height, np.radians(camera.pitch), np.radians(camera.roll)
    np.testing.assert_allclose((mount.height, mount.pitch, mount.roll), asked, atol=1e-9)
    assert rig.left.T_grid_camera[:2, 3] == pytest.approx((camera.forward, camera.left))
    T_left_right = poses.inverse(rig.left.T_grid_camera) @ rig.right.T_grid_camera
    assert T_left_right[:3, 3] == pytest.approx((camera.baseline, 0, 0), abs=1e-9)
    assert calibration.baseline == pytest.approx(camera.baseline)


@given(cameras)
def test_the_reader_of_calib_txt_understands_it(tmp_path_factory: pytest.TempPathFactory, camera: CameraSpec) -> None:
    path = tmp_path_factory.mktemp("calibration") / "calib.txt"
    path.write_text(camera.calibration().text())
    read = read_calibration(path)
    size = camera.height, camera.width
    rig = StereoRig.from_projections(read["P2"], read["P3"], size, poses.inverse(poses.from_rows(read["Tr"])))
    assert rig.baseline == pytest.approx(camera.baseline)
    assert rig.camera_matrix[0, 0] == rig.camera_matrix[1, 1] == pytest.approx(camera.focal_length)
    assert rig.T_grid_camera == pytest.approx(camera.T_grid_camera(), abs=1e-9)


@given(st.integers(0, 1000))
def test_a_random_rig_may_be_written_down_and_read_again(
    tmp_path_factory: pytest.TempPathFactory, sequence: int
) -> None:
    path, spec = tmp_path_factory.mktemp("rigs") / "rig.yaml", random_rig(3, sequence)
    path.write_text(yaml.safe_dump(asdict(spec)))
    assert read_rig(path) == spec


def test_the_example_is_a_robot_with_a_short_baseline() -> None:
    spec = read_rig(EXAMPLE)
    assert (spec.camera.baseline, spec.camera.mount_height) == (0.12, 1.2)
    assert spec.lidar == LidarSpec(16, 15.0, -15.0, 1800, 1.5)
    assert not spec.rig().surveys


def test_without_a_lidar_kittis_stands_at_the_origin(tmp_path: Path) -> None:
    content = yaml.safe_load(EXAMPLE.read_text())
    del content["lidar"]
    (tmp_path / "rig.yaml").write_text(yaml.safe_dump(content))
    rig = read_rig(tmp_path / "rig.yaml").rig()
    assert len(rig.lidar.elevations) == 64
    assert rig.surveys
    assert not replace(rig, T_grid_lidar=poses.from_rows(np.eye(4)[:3] + 0.1)).surveys


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("camera", "baseline", None, r"camera\.baseline is missing, expected a number from 0\.01 to 2 \[m\]"),
        ("camera", "baseline", -0.1, r"camera\.baseline is -0\.1, expected a number from 0\.01 to 2 \[m\]"),
        ("camera", "width", 640.5, r"camera\.width is 640\.5, expected a whole number from 64 to 4096 \[px\]"),
        ("camera", "pitch", "two", r"camera\.pitch is 'two', expected a number from -30 to 30 \[deg\]"),
        ("camera", "pitch", float("nan"), r"camera\.pitch is nan, expected a number from -30 to 30 \[deg\]"),
        ("camera", "mono", "grey", r"camera\.mono is 'grey', expected true or false"),
        ("camera", "mount_height", True, r"camera\.mount_height is True, expected a number"),
        ("camera", "fov", 90, r"camera has unknown keys fov; expected baseline, focal_length"),
        ("lidar", "top", -20, r"lidar\.bottom is -15, expected less than .*lidar\.top, -20"),
        ("lidar", "beams", 0, r"lidar\.beams is 0, expected a whole number from 1 to 256 \[lasers\]"),
    ],
)
def test_errors_name_file_key_and_expectation(
    tmp_path: Path, section: str, key: str, value: object, message: str
) -> None:
    content: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    content[section][key] = value
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(SscError, match=message) as raised:
        read_rig(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("camera: [", "it is no YAML"),
        ("", "expected the keys camera, lidar"),
        ("lidar: {}", "has no section 'camera'"),
        ("camera: 3", "camera is 3, expected the keys baseline"),
        ("camara: {}", "unknown keys camara"),
    ],
)
def test_a_file_that_is_no_rig_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(SscError, match=message):
        read_rig(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SscError, match=r"rig .*kiti: No such file.*expected kitti, random, or a YAML file"):
        read_rig(tmp_path / "kiti")
