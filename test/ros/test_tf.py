"""Transforms where TF is not installed: only those of the parameters, and every other one is an error with a remedy."""

from __future__ import annotations

import pytest

from ssc_ros.assembly.transforms import Mount, Transforms
from ssc_ros.core import SscError
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.ros.tf import NoTransformSource

LIDAR = Mount("lidar", Drop.CLOUD_FRAME, Drop.CLOUD_FRAME)


def test_a_transform_that_only_tf_could_know_is_an_error_that_names_both_frames() -> None:
    with pytest.raises(UnusableInput, match=r"lidar frame 'os1' to grid frame 'velodyne'.*tf2_ros.*lidar\.extrinsics"):
        Transforms("velodyne", NoTransformSource()).of(LIDAR, "os1")


def test_poses_by_tf_need_tf2_ros_or_its_messages() -> None:
    with pytest.raises(SscError, match=r"odometry\.source is 'tf', but neither tf2_ros nor tf2_msgs is installed"):
        NoTransformSource().follow("odom", "base_link", pytest.fail)
