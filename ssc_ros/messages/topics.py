"""Names of the node, topics and frames, in one place: what bags hold, the replay publishes and the node listens to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Topics:
    """Topic of each input; the defaults are those of a rectified stereo pair with a LiDAR."""

    left_image: str = "/left/image_rect"
    left_info: str = "/left/camera_info"
    right_image: str = "/right/image_rect"
    right_info: str = "/right/camera_info"
    points: str = "/points"
    odometry: str = "/odometry"
    ground_truth: str = "/ground_truth/grid"
    tf_static: str = "/tf_static"

    @property
    def stereo(self) -> tuple[str, str, str, str]:
        """The four topics without which there is no frame."""
        return self.left_image, self.left_info, self.right_image, self.right_info


TOPICS = Topics()

NODE = "ssc_node"
"""Name of the node, unless it is remapped."""

LEFT_CAMERA_FRAME = "cam2_optical"
RIGHT_CAMERA_FRAME = "cam3_optical"
"""KITTI's colour cameras, x right, y down, z forward (REP-103); both camera_info speak in the left one's frame."""

ODOMETRY_FRAME = "odom"
"""Fixed frame of the odometry: the LiDAR's frame at the first pose."""
