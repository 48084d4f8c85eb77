"""Lift by lines of sight against a loop over voxels, with the camera model of the core."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ssc_ros.core import SceneGrid, StereoRig, poses
from ssc_ros.networks.lift.flosp import LineOfSightLift

GRID = SceneGrid((0.0, -4.0, -2.0), 1.0, (9, 8, 4))
SIZE, STRIDE = (37, 70), 8  # not multiples of the stride, like KITTI's 370 x 1220
CELLS = (5, 9)
RIG = StereoRig(
    np.array([[30.0, 0, 33], [0, 30, 17], [0, 0, 1]]),
    0.5,
    SIZE,
    poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0.06, 0, -1, 0, -0.1])),
)


def moved(back: float, turn: float) -> StereoRig:
    """The camera of an earlier frame, in the current grid."""
    c, s = np.cos(turn), np.sin(turn)
    T_grid_past = np.array([[c, -s, 0, -back], [s, c, 0, 0.2], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    return replace(RIG, T_grid_camera=T_grid_past @ RIG.T_grid_camera)


def projection(rig: StereoRig) -> torch.Tensor:
    return torch.from_numpy(rig.camera_matrix @ rig.T_camera_grid[:3]).float()


def slow(features: torch.Tensor, rigs: list[StereoRig], valid: torch.Tensor) -> torch.Tensor:
    """[F, C, h, w] of one scene -> [C, X, Y, Z]."""
    volume = np.zeros((features.shape[1], *GRID.shape), np.float32)
    for index in np.ndindex(GRID.shape):
        seen = []
        for image, rig, there in zip(features.numpy(), rigs, valid, strict=True):
            center = GRID.centers(np.array([index]))
            (u, v), visible = rig.project(center)[0][0], rig.in_view(center)[0]
            if there and visible:
                seen.append(image[:, int((v + 0.5) // STRIDE), int((u + 0.5) // STRIDE)])
        if seen:
            volume[(slice(None), *index)] = np.mean(seen, axis=0)
    return torch.from_numpy(volume)


RIGS = [[RIG, moved(1.5, 0.1), moved(3.0, -0.2)], [RIG, moved(0.5, -0.1), moved(9.0, 0.3)]]
VALID = torch.tensor([[True, True, True], [True, False, True]])


@pytest.mark.parametrize("frames", [1, 3])
def test_the_lift_is_a_loop_over_voxels_and_frames(frames: int) -> None:
    features = torch.randn(2, frames, 5, *CELLS, generator=torch.Generator().manual_seed(0))
    projections = torch.stack([torch.stack([projection(rig) for rig in rigs[:frames]]) for rigs in RIGS])
    valid = VALID[:, :frames]
    volume = LineOfSightLift(GRID, SIZE, STRIDE)(features, projections, valid)
    expected = [slow(features[b], RIGS[b][:frames], valid[b]) for b in range(2)]
    torch.testing.assert_close(volume, torch.stack(expected))
    assert (volume == 0).all(dim=1).any()  # some voxels are behind the camera or beside the image
    assert (volume != 0).any()


def test_an_invalid_frame_leaves_no_trace() -> None:
    features = torch.randn(1, 2, 3, *CELLS)
    projections = torch.stack([projection(RIG), projection(moved(2.0, 0.0))])[None]
    lift = LineOfSightLift(GRID, SIZE, STRIDE)
    alone = lift(features[:, :1], projections[:, :1], torch.ones(1, 1, dtype=torch.bool))
    invalid = torch.tensor([[True, False]])
    torch.testing.assert_close(lift(features, projections, invalid), alone)
    broken = torch.stack([projections[0, 0], torch.full((3, 4), float("nan"))])[None]
    torch.testing.assert_close(lift(features, broken, invalid), alone)


def test_a_constant_image_fills_what_is_seen_whatever_the_number_of_frames() -> None:
    projections = torch.stack([projection(rig) for rig in RIGS[0]])[None]
    lift = LineOfSightLift(GRID, SIZE, STRIDE)
    volume = lift(torch.ones(1, 3, 1, *CELLS), projections, torch.ones(1, 3, dtype=torch.bool))[0, 0]
    seen = np.any([rig.in_view(GRID.centers()) for rig in RIGS[0]], axis=0)
    torch.testing.assert_close(volume, torch.from_numpy(seen).float())


def test_gradients_reach_the_features_that_are_seen() -> None:
    features = torch.randn(1, 1, 2, *CELLS, requires_grad=True)
    lift = LineOfSightLift(GRID, SIZE, STRIDE)
    volume = lift(features, projection(RIG)[None, None], torch.ones(1, 1, dtype=torch.bool))
    volume.sum().backward()
    # each seen voxel reads one cell once
    assert features.grad.sum() == 2 * RIG.in_view(GRID.centers()).sum()
