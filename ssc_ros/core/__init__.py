"""The words of the project: grids, cameras, poses, labels, frames. Depends on numpy and scipy alone."""

from ssc_ros.core.camera import StereoRig
from ssc_ros.core.depth_bins import DepthBins
from ssc_ros.core.errors import SscError
from ssc_ros.core.frame import LIDAR, STEREO, Frame
from ssc_ros.core.grid import GRID_HEIGHT, SEMANTIC_KITTI_GRID, SceneGrid
from ssc_ros.core.labels import (
    EMPTY,
    GROUND_CLASSES,
    LABEL_SETS,
    SEMANTIC_KITTI,
    SSCBENCH_KITTI_360,
    UNKNOWN,
    LabelSet,
    labels_at,
)
from ssc_ros.core.polar import PolarGrid
from ssc_ros.core.semantic_grid import SemanticGrid

__all__ = [
    "EMPTY",
    "GRID_HEIGHT",
    "GROUND_CLASSES",
    "LABEL_SETS",
    "LIDAR",
    "SEMANTIC_KITTI",
    "SEMANTIC_KITTI_GRID",
    "SSCBENCH_KITTI_360",
    "STEREO",
    "UNKNOWN",
    "DepthBins",
    "Frame",
    "LabelSet",
    "PolarGrid",
    "SceneGrid",
    "SemanticGrid",
    "SscError",
    "StereoRig",
    "labels_at",
]
