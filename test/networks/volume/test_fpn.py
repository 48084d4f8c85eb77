"""The feature pyramid on volumes."""

from __future__ import annotations

import pytest
import torch

from ssc_ros.networks.volume.fpn import Fpn3d


@pytest.mark.parametrize("level", [0, 1, 2])
def test_every_level_reaches_the_finest_of_the_neck(level: int) -> None:
    torch.manual_seed(0)
    neck = Fpn3d(32)
    pyramid = [torch.randn(1, 32, 8 // 2**i, 8 // 2**i, 4 // 2**i) for i in range(3)]
    before = neck(pyramid)
    pyramid[level] = pyramid[level] + torch.randn_like(pyramid[level])
    assert (neck(pyramid) - before).abs().max() > 1e-3
