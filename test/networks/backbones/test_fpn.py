"""The neck behind RepViT: its published size, and how levels are added."""

from __future__ import annotations

import torch
from torch.nn import functional

from ssc_ros.networks.backbones.fpn import Fpn

from ..sizes import parameters


def test_the_neck_has_the_published_size_of_what_is_read() -> None:
    """Three convolutions of the published neck, 147,584 weights each, serve outputs that nobody reads."""
    assert parameters(Fpn((80, 160, 320, 640), 128, start=1)) == 734_080 - 3 * 147_584


def test_the_neck_adds_coarser_levels_as_they_are() -> None:
    neck = Fpn((1, 1), 1)
    with torch.no_grad():
        for p in neck.parameters():
            p.zero_()
        for lateral in neck.lateral:
            lateral.weight.fill_(1)
        neck.smooth.weight[..., 1, 1] = 1
    fine, coarse = torch.randn(2, 1, 4, 6), torch.randn(2, 1, 2, 3)
    expected = fine + coarse.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(neck([fine, coarse]), expected)
    torch.testing.assert_close(functional.avg_pool2d(neck([0 * fine, coarse]), 2), coarse)
