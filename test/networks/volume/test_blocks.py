"""Convolutions along points, planes and axes are the plain ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ssc_ros.networks.volume.blocks import AxialConv3d, PlaneConv3d, Pointwise3d


@pytest.mark.parametrize("dilation", [1, 2])
def test_planes_are_convolved_as_by_the_plain_convolution(dilation: int) -> None:
    torch.manual_seed(0)
    plane, volume = PlaneConv3d(3, 4, dilation), torch.randn(2, 3, 5, 6, 7)
    plain = torch.nn.Conv3d.forward(plane, volume)
    torch.testing.assert_close(plane(volume), plain, atol=1e-5, rtol=1e-5)


def test_pointwise_equals_a_1x1x1_convolution() -> None:
    torch.manual_seed(0)
    ours, theirs = Pointwise3d(5, 7), nn.Conv3d(5, 7, 1)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight[:, :, None, None, None])
        ours.bias.copy_(torch.randn(7, 1))
        theirs.bias.copy_(ours.bias[:, 0])
    volume = torch.randn(2, 5, 3, 4, 6)
    torch.testing.assert_close(ours(volume), theirs(volume))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_axial_convolution_is_a_convolution(axis: int) -> None:
    torch.manual_seed(0)
    axial = AxialConv3d(3, 5, axis)
    volume = torch.randn(2, 3, 7, 6, 4)
    plain = torch.nn.functional.conv3d(volume, axial.weight, axial.bias, padding=axial.padding)
    assert axial.weight.shape[2 + axis] == axial.weight.numel() // 9
    torch.testing.assert_close(axial(volume), plain, atol=1e-5, rtol=1e-5)
