"""The lift agrees with the camera model and places features where the depth says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from ssc_ros.core import DepthBins, SceneGrid, StereoRig, poses
from ssc_ros.networks.depth.depth_net import soft_one_hot
from ssc_ros.networks.lift.depth_weighted import DepthWeightedLift, project_voxels

GRID = SceneGrid((0.0, -6.4, -2.0), 0.4, (32, 32, 8))

OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0.05, 0, -1, 0, -0.1]))

RIG = StereoRig(np.array([[70.0, 0, 60.2], [0, 71.0, 18.3], [0, 0, 1]]), 0.5, (40, 120), OPTICAL)


def projection() -> torch.Tensor:
    return torch.from_numpy(RIG.camera_matrix @ RIG.T_camera_grid[:3]).float()[None]


def test_voxels_project_as_the_camera_model_says() -> None:
    voxels = project_voxels(projection(), GRID)[0].numpy()
    pixels, depth = RIG.project(GRID.centers())
    front = depth > 0.5
    np.testing.assert_allclose(voxels[..., 2], depth, atol=1e-4)
    np.testing.assert_allclose(voxels[front][:, :2], pixels[front], atol=2e-3)


def test_context_lands_only_at_the_depth_of_its_pixel() -> None:
    bins = DepthBins(2.0, 0.5, 20)
    lift = DepthWeightedLift(GRID, bins, RIG.image_size)
    distance = torch.full((1, 10, 30), 6.0)
    logits = 1e4 * soft_one_hot(distance, bins)
    volume = lift(torch.ones(1, 2, 10, 30), logits.softmax(1), projection())[0].numpy()
    _, depth = RIG.project(GRID.centers())
    view = volume[4] > 0
    assert 0.2 < view.mean() < 0.9
    assert (volume[0][np.abs(depth - 6.0) > 0.5] == 0).all()
    assert (volume[0][view & (np.abs(depth - 6.0) < 0.05)] > 0.4).all()
    # the ray ends behind nearer voxels and in front of farther ones
    inner = view & (np.abs(volume[0]) < 1e-6)
    np.testing.assert_allclose(volume[3][inner & (depth > 2.5) & (depth < 5.4)].min(), 0.5, atol=0.51)
    assert (volume[3][inner & (depth > 6.6)] < 1e-3).all()


def test_voxels_outside_the_view_stay_empty() -> None:
    lift = DepthWeightedLift(GRID, DepthBins(2.0, 0.5, 20), RIG.image_size)
    volume = lift(torch.ones(1, 3, 10, 30), torch.full((1, 20, 10, 30), 0.05), projection())[0].numpy()
    outside = ~RIG.in_view(GRID.centers())
    assert outside.any()
    assert (volume[:, outside] == 0).all()


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("beyond", [0.0, 3.0])
def test_gathers_equal_the_samples_of_grid_sample(beyond: float, width: int) -> None:
    """In a batch whose projections differ; `beyond` moves the first bin behind the nearest voxels."""
    lift, context, density, where = scenes(beyond, width)
    sampled, moved = sample(lift, context, density, where), sample(lift, context, density, where + 1)
    with torch.inference_mode():
        for _ in range(2):  # the second time with places that are remembered
            gathered = lift(context, density, where)
            torch.testing.assert_close(gathered, sampled, atol=1e-5, rtol=1e-5)
        with torch.autocast("cpu", torch.bfloat16):  # the nearest, as torch rounds
            assert torch.equal(lift(context, density, where), gathered.bfloat16())
        torch.testing.assert_close(lift(context, density, where + 1), moved, atol=1e-5, rtol=1e-5)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("beyond", [0.0, 3.0])
def test_the_gradient_of_a_gather_is_that_of_grid_sample(beyond: float, width: int):
    lift, context, density, where = scenes(beyond, width)
    image = context.requires_grad_(), density.requires_grad_()
    results = lift(*image, where), sample(lift, *image, where)
    weights = torch.randn(results[0].shape, generator=torch.Generator().manual_seed(1))
    ours, theirs = (torch.autograd.grad((weights * result).sum(), image) for result in results)
    assert all(gradient.abs().amax() > 0.1 for gradient in ours)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        small = lift(*image, where)
    rounded = torch.autograd.grad((weights * small).sum(), image)
    for gradient, exact in zip(rounded, theirs, strict=True):  # what comes back is rounded to eight bits
        assert (gradient - exact).norm() < 0.005 * exact.norm()


def scenes(beyond: float, width: int) -> tuple[DepthWeightedLift, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A lift, and context, density and projections of two scenes."""
    bins = DepthBins(1.0 + beyond, 0.5, 12)
    random = torch.Generator().manual_seed(0)
    shift = torch.zeros(2, 3, 4)
    shift[1, :2, 3] = torch.tensor([3.0, -2.0])
    context = torch.randn(2, 5, 10, 30, generator=random)
    density = (3 * torch.randn(2, 12, 10, 30, generator=random)).softmax(1)
    return DepthWeightedLift(GRID, bins, RIG.image_size, width), context, density, projection() + shift


def sample(lift: DepthWeightedLift, *image: torch.Tensor) -> torch.Tensor:
    """What `grid_sample` makes of it."""
    x, y, z = lift.grid.shape
    return lift._sampled(*image).unflatten(2, (x // lift.width, y // lift.width, z))


def test_wider_voxels_hold_the_features_of_theirs_side_by_side() -> None:
    bins = DepthBins(1.0, 0.5, 12)
    random = torch.Generator().manual_seed(0)
    image = torch.randn(1, 5, 10, 30, generator=random), torch.randn(1, 12, 10, 30, generator=random).softmax(1)
    narrow = DepthWeightedLift(GRID, bins, RIG.image_size)(*image, projection())
    wide = DepthWeightedLift(GRID, bins, RIG.image_size, 2)(*image, projection())
    assert wide.shape == (1, 32, 16, 16, 8)
    for channel, dx, dy in itertools.product(range(8), range(2), range(2)):
        torch.testing.assert_close(wide[:, 8 * (2 * dx + dy) + channel], narrow[:, channel, dx::2, dy::2])
    assert wide.std() > 0.01
