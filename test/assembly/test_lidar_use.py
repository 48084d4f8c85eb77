"""The checkpoint decides about point clouds; parameters may only decline what is optional."""

from __future__ import annotations

import pytest

from ssc_ros.assembly.lidar_use import LidarUse, lidar_use
from ssc_ros.core import LIDAR, STEREO, SscError


@pytest.mark.parametrize(
    ("sensors", "enabled", "expected"),
    [
        ((STEREO,), True, LidarUse.UNUSED),
        ((STEREO,), False, LidarUse.UNUSED),
        ((STEREO, LIDAR), True, LidarUse.OPTIONAL),
        ((STEREO, LIDAR), False, LidarUse.UNUSED),
        ((LIDAR,), True, LidarUse.REQUIRED),
    ],
)
def test_clouds_are_unused_optional_or_required(sensors: tuple[str, ...], enabled: bool, expected: LidarUse) -> None:
    assert lidar_use(sensors, enabled) is expected


def test_what_is_required_cannot_be_declined() -> None:
    with pytest.raises(SscError, match=r"lidar\.enabled is false"):
        lidar_use((LIDAR,), enabled=False)
