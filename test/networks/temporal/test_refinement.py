"""Deformable convolution of volumes, whose taps move within their plane."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ssc_ros.networks.temporal.refinement import DeformableConv3d


@pytest.mark.parametrize("planes", [1, 3])
def test_taps_at_rest_make_a_plain_convolution(planes: int) -> None:
    torch.manual_seed(0)
    deformable, volume = DeformableConv3d(3, 4, planes), torch.randn(2, 3, 5, 6, 7)
    torch.nn.init.normal_(deformable.bias)
    plain = functional.conv3d(volume, deformable.weight, deformable.bias, padding=(planes // 2, 1, 1))
    torch.testing.assert_close(deformable(volume), plain, atol=1e-5, rtol=1e-5)


def test_taps_move_within_their_plane() -> None:
    """All taps one cell to the right: the plain convolution of an image that lies one cell further left."""
    torch.manual_seed(0)
    deformable, volume = DeformableConv3d(2, 3), torch.randn(1, 2, 4, 6, 9)
    with torch.no_grad():
        deformable.offset.bias[1::2] = 1.0
    shifted = functional.pad(volume, (0, 1))[..., 1:]
    plain = functional.conv3d(shifted, deformable.weight, deformable.bias, padding=1)
    torch.testing.assert_close(deformable(volume)[..., 1:-2], plain[..., 1:-2], atol=1e-5, rtol=1e-5)


def test_displacements_learn() -> None:
    deformable, volume = DeformableConv3d(2, 2), torch.randn(1, 2, 3, 5, 6, requires_grad=True)
    deformable(volume).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in deformable.parameters())
    assert volume.grad.abs().sum() > 0
