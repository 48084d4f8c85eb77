"""Frames and grids refuse what does not fit; the surface is what can be seen from outside."""

from __future__ import annotations

import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI, Frame, SceneGrid, SemanticGrid, SscError, StereoRig, poses

GRID = SceneGrid((0.0, 0.0, 0.0), 1.0, (5, 5, 5))


def test_the_surface_of_a_solid_cube_is_all_but_its_core() -> None:
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:4, 1:4, 1:4] = 13
    surface = SemanticGrid(labels, GRID, SEMANTIC_KITTI).surface()
    assert len(surface) == 26
    assert [2, 2, 2] not in surface.tolist()


def test_a_full_grid_has_its_border_as_surface_and_unknown_is_not_occupied() -> None:
    full = SemanticGrid(np.full(GRID.shape, 13, np.uint8), GRID, SEMANTIC_KITTI)
    assert len(full.surface()) == 125 - 27
    unknown = SemanticGrid(np.full(GRID.shape, 255, np.uint8), GRID, SEMANTIC_KITTI)
    assert not unknown.occupied.any()
    assert len(unknown.surface()) == 0


def test_volumes_of_another_shape_or_type_are_refused() -> None:
    with pytest.raises(SscError, match="labels are int64"):
        SemanticGrid(np.zeros(GRID.shape, np.int64), GRID, SEMANTIC_KITTI)  # type: ignore[arg-type]
    with pytest.raises(SscError, match=r"observed are bool \(4, 5, 5\)"):
        SemanticGrid(np.zeros(GRID.shape, np.uint8), GRID, SEMANTIC_KITTI, observed=np.ones((4, 5, 5), bool))


def test_a_frame_must_fit_its_calibration() -> None:
    rig = StereoRig(np.array([[9.0, 0, 5], [0, 9.0, 4], [0, 0, 1]]), 0.5, (8, 10), np.eye(4))
    image = np.zeros((8, 10, 3), np.uint8)
    assert Frame(0, image, image, rig, np.zeros((0, 4), np.float32)).points is not None
    with pytest.raises(SscError, match=r"right image is uint8 \(8, 9, 3\).*camera_info"):
        Frame(0, image, image[:, :9], rig)
    with pytest.raises(SscError, match="left image is float64"):
        Frame(0, image.astype(np.float64), image, rig)  # type: ignore[arg-type]
    with pytest.raises(SscError, match=r"points have shape \(7, 3\)"):
        Frame(0, image, image, rig, np.zeros((7, 3), np.float32))
    with pytest.raises(SscError, match="not a rigid transform"):
        Frame(0, image, image, rig, T_world_grid=2 * poses.from_rows(np.eye(4)[:3]))
