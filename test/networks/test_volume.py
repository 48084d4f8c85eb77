"""Planes and pointwise convolutions against their plain counterparts."""

import pytest
import torch
from torch import nn

from ssc_ros.networks.volume.blocks import Pointwise3d
from ssc_ros.networks.volume.tri_plane import PLANES, PlanePool, PlaneUnpool, TriPlane


def test_pointwise_equals_a_1x1x1_convolution():
    torch.manual_seed(0)
    ours, theirs = Pointwise3d(5, 7), nn.Conv3d(5, 7, 1)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight[:, :, None, None, None])
        ours.bias.copy_(torch.randn(7, 1))
        theirs.bias.copy_(ours.bias[:, 0])
    volume = torch.randn(2, 5, 3, 4, 6)
    torch.testing.assert_close(ours(volume), theirs(volume))


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("slabs", [1, 2, 8])
def test_pooling_averages_with_weights_that_sum_to_one(plane, slabs):
    pool = PlanePool(3, PLANES[plane], 8, slabs, 6)
    pool.project = nn.Identity()
    constant = torch.randn(2, 3, 1, 1, 1).expand(2, 3, 8, 8, 8)
    pooled = pool(constant)
    torch.testing.assert_close(pooled, constant[:, :, 0, 0, :1, None].repeat_interleave(slabs, 1).expand_as(pooled))


@pytest.mark.parametrize("plane", PLANES)
def test_all_slabs_lay_the_volume_out_as_channels_and_back(plane):
    axis = PLANES[plane]
    pool, unpool = PlanePool(3, axis, 8, 8, 1), PlaneUnpool(24, axis, 8, 8, 3)
    pool.project, unpool.project = nn.Identity(), nn.Identity()
    volume = torch.randn(2, 3, 8, 8, 8)
    torch.testing.assert_close(unpool(pool(volume)), volume)


def test_one_slab_broadcasts_along_the_collapsed_axis():
    unpool = PlaneUnpool(4, PLANES["xy"], 8, 1, 3)
    assert unpool(torch.randn(1, 4, 5, 6)).shape == (1, 3, 5, 6, 1)


def test_aggregation_is_a_convex_combination():
    torch.manual_seed(0)
    block = TriPlane(4, (8, 16, 8), 8, (8, 8), (4, 1, 2)).eval()
    for unpool in block.unpools.values():
        nn.init.zeros_(unpool.project.weight)
        nn.init.constant_(unpool.project.bias, 2.0)
    volume = torch.full((1, 4, 8, 16, 8), 2.0)
    torch.testing.assert_close(block(volume), volume)
