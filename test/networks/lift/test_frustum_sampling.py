"""A frustum read at voxels, against the camera model and against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssc_ros.core import poses
from ssc_ros.networks.lift.frustum_sampling import FrustumSampling

from ..moving_rig import GRID, PLANES, RIG, SIZE, projection


def test_a_sampled_frustum_says_at_each_voxel_what_it_holds_there() -> None:
    """A frustum that holds its own coordinates: column, row and depth, all linear, come back at the voxels."""
    v, u = torch.meshgrid(torch.arange(12) * 2 + 0.5, torch.arange(32) * 2 + 0.5, indexing="ij")
    depth = torch.from_numpy(PLANES.centers)[:, None, None].expand(-1, *SIZE)
    frustum = torch.stack([u.expand_as(depth), v.expand_as(depth), depth])[None].float()
    volume = FrustumSampling(GRID, PLANES, RIG.image_size)(frustum, projection()[None])[0]
    pixels, depths = RIG.project(GRID.centers().reshape(-1, 3))
    deep = (depths > PLANES.centers[0]) & (depths < PLANES.centers[-1])
    inside = ((pixels > 1) & (pixels < (62, 22))).all(axis=1) & deep
    assert inside.sum() > 50
    got = volume.flatten(1).T.numpy()
    np.testing.assert_allclose(got[inside], np.c_[pixels, depths][inside], atol=1e-3)
    assert not got[~RIG.in_view(GRID.centers()).reshape(-1)].any()


@pytest.mark.parametrize("shape", [(PLANES.count, *SIZE), (2, 3, 2)])
def test_the_loop_samples_a_frustum_as_torch_does(shape: tuple[int, int, int]) -> None:
    """Cells at the edges too, of which a coarse frustum has nothing else, and voxels out of view."""
    sampling = FrustumSampling(GRID, PLANES, RIG.image_size)
    frustum = torch.randn(2, 5, *shape)
    both = torch.stack([projection(), projection(poses.from_quaternion(np.array([0, 0, 0.1, 0.995]), np.zeros(3)))])
    expected = sampling(frustum, both)
    with torch.no_grad():
        looped = sampling(frustum, both)
    torch.testing.assert_close(looped, expected, atol=1e-5, rtol=1e-5)
    assert 0 < (expected == 0).all(dim=1).float().mean() < 1
