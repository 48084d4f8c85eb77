"""Names of the node, topics and frames, in one place: what bags hold, the replay publishes and the node listens to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ssc_ros.core import SscError


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

    def remapped(self, names: Mapping[str, str]) -> Topics:
        """Return the topics under other names, such as {"left/image_rect": "/zed/left/image_rect_color"}.

        Raises:
            SscError: a name that no input has.
        """
        wanted = {f"/{name.lstrip('/')}": f"/{to.lstrip('/')}" for name, to in names.items()}
        unknown = wanted.keys() - asdict(self).values()
        if unknown:
            raise SscError(
                f"no input is called {', '.join(sorted(unknown))}; there are {', '.join(asdict(self).values())}"
            )
        return Topics(**{key: wanted.get(name, name) for key, name in asdict(self).items()})


TOPICS = Topics()

NODE = "ssc_node"
"""Name of the node, unless it is remapped."""

LEFT_CAMERA_FRAME = "cam2_optical"
RIGHT_CAMERA_FRAME = "cam3_optical"
"""KITTI's colour cameras, x right, y down, z forward (REP-103); both camera_info speak in the left one's frame."""

ODOMETRY_FRAME = "odom"
"""Fixed frame of the odometry: the LiDAR's frame at the first pose."""
