"""Calibrations from files, with the numbers that the data sets publish."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from ssc_ros.core import SscError
from ssc_ros.data.kitti_360 import IMAGE_SIZE, P_RECT_00, P_RECT_01
from ssc_ros.messages.calibration import stereo_rig
from ssc_ros.messages.calibration_files import read_stereo_calibration

KITTI_360 = """\
S_00: 1408.000000 376.000000
D_00: -3.630105e-01 1.349000e-01
R_rect_00: 0.999974 -0.007141 -0.000089 0.007141 0.999969 -0.003247 0.000112 0.003247 0.999995
S_rect_00: 1408.000000 376.000000
P_rect_00: 552.554261 0.000000 682.049453 0.000000 0.000000 552.554261 238.769549 0.000000 0.0 0.0 1.000000 0.000000
S_rect_01: 1408.000000 376.000000
P_rect_01: 552.554261 0.0 682.049453 -328.318735 0.0 552.554261 238.769549 0.0 0.0 0.0 1.0 0.0
"""
KITTI = "P2: 70 0 60 4.5 0 70 18 0.2 0 0 1 0.003\nP3: 70 0 60 -33.2 0 70 18 0.2 0 0 1 0.003\n"
CAMERA = {"image_width": 64, "image_height": 48, "projection_matrix": {"rows": 3, "cols": 4, "data": [*range(12)]}}


def test_kitti_360s_perspective_txt_says_its_size(tmp_path: Path) -> None:
    (tmp_path / "perspective.txt").write_text(KITTI_360)
    left, right = read_stereo_calibration([tmp_path / "perspective.txt"], (1, 1))
    assert (left.height, left.width) == IMAGE_SIZE
    np.testing.assert_array_equal(left.p.reshape(3, 4), P_RECT_00)
    np.testing.assert_array_equal(right.p.reshape(3, 4), P_RECT_01)
    assert stereo_rig(left, right, np.eye(4)).baseline == pytest.approx(0.5942, abs=1e-4)


@pytest.mark.parametrize("more", ["", "R0_rect: 1 0 0 0 1 0 0 0 1\ncalib_time: 09-Jan-2012 13:57:47\nTr: 1 0\n"])
def test_kittis_calib_txt_is_for_images_of_any_size(tmp_path: Path, more: str) -> None:
    (tmp_path / "calib.txt").write_text(more + KITTI)
    left, right = read_stereo_calibration([tmp_path / "calib.txt"], (37, 122))
    assert (right.height, right.width) == (37, 122)
    assert stereo_rig(left, right, np.eye(4)).baseline == pytest.approx(37.7 / 70)


def test_camera_info_files_are_left_and_right(tmp_path: Path) -> None:
    for name, first in (("left", 1), ("right", 2)):
        data = [first, *range(1, 12)]
        (tmp_path / name).write_text(yaml.safe_dump({**CAMERA, "projection_matrix": {"data": data}}))
    left, right = read_stereo_calibration([tmp_path / "left", tmp_path / "right"], (1, 1))
    assert (left.p[0], right.p[0], left.width, right.height) == (1, 2, 64, 48)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "cannot read"),
        (b"", "no pair of rectified projections"),
        (b"P2: 1 2 3\nP3: 1 2 3\n", "12 numbers"),
        (b"P2: a b c\n", "no pair of rectified projections"),
    ],
)
def test_text_files_without_a_calibration_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "calib.txt").write_bytes(content)
    with pytest.raises(SscError, match=words) as error:
        read_stereo_calibration([tmp_path / "calib.txt"], (1, 1))
    assert "calib.txt" in str(error.value)


@pytest.mark.parametrize("content", ["", "[", "3", "image_width: 4", "projection_matrix: {data: [1, 2]}", "[" * 5000])
def test_yaml_files_without_a_calibration_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "left.yaml").write_text(content)
    with pytest.raises(SscError, match=r"left\.yaml"):
        read_stereo_calibration([tmp_path / "left.yaml"] * 2, (1, 1))
    with pytest.raises(SscError, match="left and right"):
        read_stereo_calibration([tmp_path / "left.yaml"], (1, 1))
