"""Whether frames need point clouds: the checkpoint decides, and parameters may decline what is optional."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from ssc_ros.core import LIDAR, SscError


class LidarUse(Enum):
    """What becomes of point clouds; the value says it in the log."""

    UNUSED = "point clouds are not used, and not subscribed to"
    OPTIONAL = "a point cloud is used where it comes in time"
    REQUIRED = "a stereo pair whose point cloud does not come in time is dropped"


def lidar_use(sensors: Collection[str], enabled: bool) -> LidarUse:
    """What a network of these sensors does with point clouds.

    Args:
        sensors: `inputs` of the checkpoint's metadata; beside others, LiDAR is optional.
        enabled: the parameter `lidar.enabled`.

    Raises:
        SscError: LiDAR is disabled, but the network reads nothing else.
    """
    if LIDAR not in sensors:
        return LidarUse.UNUSED
    if len(sensors) > 1:
        return LidarUse.OPTIONAL if enabled else LidarUse.UNUSED
    if not enabled:
        raise SscError(
            "lidar.enabled is false, but the checkpoint reads LiDAR and nothing else; use a camera checkpoint, or "
            "leave lidar.enabled true"
        )
    return LidarUse.REQUIRED
