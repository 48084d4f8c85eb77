"""Convolutions of a ring: its symmetry, its padding, the fused form, dropped blocks."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ssc_ros.networks.lidar.ring_unet import DropBlock, RingConv, RingUNet
from ssc_ros.networks.reparameterize import fuse

from ..norms import randomized


def test_the_ring_closes() -> None:
    """Turned by whole cells at the coarsest level, the map comes out turned by as many."""
    torch.manual_seed(0)
    unet = randomized(RingUNet(3, (4, 5, 6), (4, 5)))
    x = torch.randn(2, 3, 8, 12)
    with torch.no_grad():
        (downs, ups), (turned_downs, _) = unet(x), unet(x.roll(4, dims=3))
    for level, (one, other) in enumerate(zip(downs, turned_downs, strict=True), 1):
        torch.testing.assert_close(one.roll(4 >> level, dims=3), other, atol=1e-5, rtol=1e-5)
    assert [tuple(up.shape) for up in ups] == [(2, 4, 8, 12), (2, 5, 4, 6)]
    conv = randomized(RingConv(3, 4))
    with torch.no_grad():
        torch.testing.assert_close(conv(x).roll(5, dims=3), conv(x.roll(5, dims=3)), atol=1e-5, rtol=1e-5)


def test_azimuth_is_padded_by_its_other_end_and_range_by_zeros() -> None:
    conv = randomized(RingConv(1, 1))
    x = torch.randn(1, 1, 4, 6)
    around = functional.pad(functional.pad(x, (1, 1, 0, 0), mode="circular"), (0, 0, 1, 1))
    with torch.no_grad():
        expected = functional.leaky_relu(conv.norm(functional.conv2d(around, conv.conv.weight, conv.conv.bias)))
        torch.testing.assert_close(conv(x), expected)


def test_a_fused_network_computes_the_same() -> None:
    torch.manual_seed(0)
    unet = randomized(RingUNet(3, (4, 5, 6), (4, 5)))
    x = torch.randn(1, 3, 8, 12)
    with torch.no_grad():
        expected = unet(x)[1][0]
        found = fuse(unet)(x)[1][0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert not any(isinstance(module, RingConv) for module in unet.modules())


def test_dropped_blocks_keep_the_mean_and_are_squares() -> None:
    torch.manual_seed(0)
    drop = DropBlock(3, 0.3).train()
    dropped = drop(torch.ones(4, 2, 60, 60))
    assert (dropped[:, 0] == dropped[:, 1]).all()
    assert dropped.mean().item() == pytest.approx(1.0)
    assert 0.15 < (dropped == 0).float().mean() < 0.35
    hole = (dropped[:, :1] == 0).float()
    whole_blocks = -functional.max_pool2d(-hole, 3, 1)
    opened = functional.max_pool2d(functional.pad(whole_blocks, (2, 2, 2, 2)), 3, 1)
    assert (opened[..., 2:-2, 2:-2] == hole[..., 2:-2, 2:-2]).all()  # a block may be cut off by the edge
    assert torch.equal(drop.eval()(dropped), dropped)
