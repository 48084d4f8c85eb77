"""Poses as matrices, and those that are refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.poses import read_pose


def pose(x: float = 0.0, w: float = 1.0) -> SimpleNamespace:
    return SimpleNamespace(
        position=SimpleNamespace(x=x, y=2.0, z=3.0), orientation=SimpleNamespace(x=0.0, y=0.0, z=0.0, w=w)
    )


def test_poses() -> None:
    transform = read_pose(pose(1.0))
    np.testing.assert_array_equal(transform[:3, 3], [1, 2, 3])
    np.testing.assert_array_equal(transform[:3, :3], np.eye(3))
    # the squares of a quaternion of 1e300 overflow, and so does the way from 1e300 m to anywhere
    for broken in (pose(x=np.nan), pose(w=0.0), pose(w=1e300), pose(x=1e300), pose(x=-np.inf)):
        with pytest.raises(UnusableInput) as refused:
            read_pose(broken)
        assert refused.value.reason is Drop.POSE
