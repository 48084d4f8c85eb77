"""The U-Net of the bird's eye view."""

from __future__ import annotations

import torch
from torch.nn import functional

from ssc_ros.networks.guidance.bird_eye import BirdEyeUNet


def test_the_bird_s_eye_halves_the_grid() -> None:
    assert BirdEyeUNet(16)(torch.rand(2, 16, 24, 16)).shape == (2, 8, 12, 8)


def test_norms_keep_the_proposals_alive() -> None:
    """Untrained, the deepest levels still vary with what is seen; without norms hardly anything is left of it."""
    torch.manual_seed(0)
    seen = (torch.rand(2, 32, 64, 64) < 0.02).float()
    spread = {}
    for norm in (False, True):
        net = BirdEyeUNet(32, norm=norm).train()
        half = net.at_half(functional.max_pool2d(net.at_full(seen), 2))
        quarter = net.at_quarter(functional.max_pool2d(half, 2))
        spread[norm] = quarter.std(dim=(0, 2, 3)).mean()
        assert (net(seen).shape, net.out_half.bias is not None) == ((2, 16, 32, 32), True)
    assert spread[True] > 0.3
    assert spread[False] < spread[True] / 20
