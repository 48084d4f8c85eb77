"""The neck that brings all levels to one size."""

from __future__ import annotations

import torch

from ssc_ros.networks.backbones.second_fpn import SecondFpn


def test_each_level_fills_its_own_channels_of_the_neck() -> None:
    torch.manual_seed(0)
    neck = SecondFpn((3, 5, 7), scales=(0.5, 1, 4), width=4).eval()
    pyramid = [torch.randn(2, 3, 16, 24), torch.randn(2, 5, 8, 12), torch.randn(2, 7, 2, 3)]
    whole = neck(pyramid)
    assert whole.shape == (2, 12, 8, 12)
    for i in range(3):
        alone = neck([x * (i == j) for j, x in enumerate(pyramid)])
        own = slice(4 * i, 4 * i + 4)
        assert whole[:, own].max() > 0
        torch.testing.assert_close(alone[:, own], whole[:, own])
