"""A synthetic scene, for comparing backends where there is no frame: a road with texture that ends at a wall."""

from __future__ import annotations

import numpy as np

from ssc_ros.core import Frame, StereoRig, poses
from ssc_ros.inference.history import join
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.inference.stereo import stereo_points
from ssc_ros.systems.spec import InputSpec, SceneInputs

_SIZE = (376, 1241)
_CAMERA = np.array([[707.0, 0, 602], [0, 707, 183], [0, 0, 1.0]])
_BASELINE = 0.54
_T_GRID_CAMERA = poses.from_rows(np.array([0, 0, 1, 0.27, -1, 0, 0, 0.06, 0, -1, 0, -0.08]))
"""KITTI's rig (Geiger et al. 2012)."""
_ROAD, _WALL = 1.65, 25.0
"""How far below and before the camera [m]."""
_SKY = 80
"""The last row above the wall [px]; nothing is matched there."""
_TILE = 24
"""Size of a patch of one colour [px]."""
_LONG_AFTER_THE_START = 3_600_000_000_000


def synthetic_inputs(spec: InputSpec) -> SceneInputs:
    """Batched inputs of one synthetic frame; it has no past, but room for one."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[: _SIZE[0], : _SIZE[1]]
    below = np.maximum(rows - _CAMERA[1, 2], 1e-3)
    depth = np.minimum(_WALL, _CAMERA[1, 1] * _ROAD / below).astype(np.float32)
    measured_depth = np.where(rows > _SKY, depth, np.float32(np.nan))
    colours = random.integers(0, 256, (*(n // _TILE + 1 for n in _SIZE), 3), np.uint8)
    left = colours[rows // _TILE, columns // _TILE]
    disparity = np.rint(_CAMERA[0, 0] * _BASELINE / depth).astype(int)
    right = left[rows, np.minimum(columns + disparity, _SIZE[1] - 1)]
    frame = Frame(0, left, right, StereoRig(_CAMERA, _BASELINE, _SIZE, _T_GRID_CAMERA))
    measured = stereo_points(frame, measured_depth)[::8]
    points = np.concatenate([measured, np.full((len(measured), 1), 0.3, np.float32)], axis=1)
    labels = random.integers(1, 20, len(points)).astype(np.uint8)
    frame = Frame(_LONG_AFTER_THE_START, left, right, frame.rig, points, point_labels=labels)
    now = InputPreparer(spec)(frame, measured_depth)
    return {key: value[None] for key, value in join(now, [], spec).items()}
