"""Where the sensors are: from the parameters, else from a source of transforms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.assembly.transforms import Mount, Transforms
from ssc_ros.core import poses
from ssc_ros.messages.drops import Drop, UnusableInput


class Source:
    """Knows one transform, and counts how often it is asked."""

    name = "test"

    def __init__(self) -> None:
        self.asked = 0

    def lookup(self, target: str, source: str) -> NDArray[np.float64]:
        self.asked += 1
        if (target, source) != ("velodyne", "cam2"):
            raise LookupError("frame does not exist")
        return poses.from_quaternion(np.array([0, 0, 0, 1.0]), np.array([0.27, 0, -0.08]))


CAMERA = Mount("camera", Drop.FRAME_ID, Drop.EXTRINSICS, optical=True)
LIDAR = Mount("lidar", Drop.CLOUD_FRAME, Drop.CLOUD_FRAME)


def test_extrinsics_come_from_the_parameters_first() -> None:
    source = Source()
    mount = Mount("camera", Drop.FRAME_ID, Drop.EXTRINSICS, extrinsics=(1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 1.0))
    transform = Transforms("velodyne", source).of(mount, "anything")
    np.testing.assert_array_equal(transform[:3, 3], [1, 2, 3])
    assert source.asked == 0


def test_a_transform_is_asked_for_once() -> None:
    source = Source()
    transforms = Transforms("velodyne", source)
    for _ in range(3):
        np.testing.assert_array_equal(transforms.of(CAMERA, "cam2")[:3, 3], [0.27, 0, -0.08])
    assert source.asked == 1
    transforms.forget()
    transforms.of(CAMERA, "cam2")
    assert source.asked == 2


def test_a_cloud_in_the_grid_frame_needs_no_extrinsics() -> None:
    source = Source()
    np.testing.assert_array_equal(Transforms("velodyne", source).of(LIDAR, "velodyne"), np.eye(4))
    assert source.asked == 0


def test_a_missing_transform_is_an_error_that_names_both_frames() -> None:
    with pytest.raises(UnusableInput, match=r"lidar frame 'os1' to grid frame 'velodyne'.*lidar\.extrinsics"):
        Transforms("velodyne", Source()).of(LIDAR, "os1")


def test_a_camera_cannot_be_in_the_grid_frame() -> None:
    with pytest.raises(UnusableInput, match="optical") as refused:
        Transforms("velodyne", Source()).of(CAMERA, "velodyne")
    assert refused.value.reason is Drop.EXTRINSICS


def test_a_message_in_another_frame_than_configured_is_refused() -> None:
    mount = Mount("camera", Drop.FRAME_ID, Drop.EXTRINSICS, frame_id="cam2")
    with pytest.raises(UnusableInput, match=r"'cam0'.*'cam2'") as refused:
        Transforms("velodyne", Source()).of(mount, "cam0")
    assert refused.value.reason is Drop.FRAME_ID
