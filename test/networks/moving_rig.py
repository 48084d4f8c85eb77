"""A small rig that has moved, for what looks at the past."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ssc_ros.core import DepthBins, SceneGrid, StereoRig, poses

OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0.05, 0, -1, 0, -0.1]))
RIG = StereoRig(np.array([[60.0, 0, 31], [0, 55.0, 13], [0, 0, 1]]), 0.5, (24, 64), OPTICAL)
GRID = SceneGrid((2.0, -3.2, -1.6), 0.8, (12, 8, 4))
PLANES = DepthBins(4.0, 2.0, 5)
SIZE = (12, 32)
"""Of the features, in cells of 2 x 2 pixels."""

VALID = torch.ones(1, 1, dtype=torch.bool)
"""One past frame, which is there."""


def projection(T_past_now: NDArray[np.float64] = np.eye(4)) -> torch.Tensor:  # noqa: B008 (never changed)
    """Of the rig that has moved, from the current grid frame; [3, 4]."""
    return torch.from_numpy(RIG.camera_matrix @ RIG.T_camera_grid[:3] @ T_past_now).float()
