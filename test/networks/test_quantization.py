"""Convolutions in eight bits are those of integers, and only while they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import correlate
from torch import nn

from ssc_ros.networks.quantization import convolutions, observed_ranges, quantised


def in_integers(
    features: NDArray[np.float32], weight: NDArray[np.float32], step: float, lowest: int, highest: int
) -> NDArray[np.float64]:
    """The convolution of one image as a processor of bytes does it: integers, summed in integers, and one product."""
    levels = np.clip(np.rint(features / step), lowest, highest).astype(np.int64)
    steps = np.abs(weight).reshape(len(weight), -1).max(axis=1) / 127
    taps = np.rint(weight / steps.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.int64)
    padded = np.pad(levels, [(0, 0), *[(1, 1)] * (features.ndim - 1)])
    sums = np.stack([correlate(padded, kernel, "valid", "direct")[0] for kernel in taps])
    return sums * (steps * step).reshape(-1, *[1] * (features.ndim - 1))


@pytest.mark.parametrize("convolution", [nn.Conv2d, nn.Conv3d])
@pytest.mark.parametrize("signed", [False, True])
def test_a_quantised_convolution_is_one_of_integers(convolution: type[nn.Conv2d | nn.Conv3d], signed: bool) -> None:
    torch.manual_seed(0)
    size = (9, 7, 5)[: 2 if convolution is nn.Conv2d else 3]
    module = nn.Sequential(convolution(4, 6, 3, padding=1))
    features = torch.randn(1, 4, *size) - (0 if signed else 0.2)
    features = features if signed else features.relu()
    limits = (-1.28, 0.635) if signed else (0.0, 2.55)  # steps of 1/100; what lies beyond is the last level
    assert features.min() < limits[0] or not signed
    assert features.max() > limits[1]
    with torch.no_grad(), quantised(module, {"0": limits}):
        found = module(features)[0].numpy()
    bias = module[0].bias.detach().numpy().reshape(-1, *[1] * len(size))
    bounds = (-128, 127) if signed else (0, 255)
    expected = in_integers(features[0].numpy(), module[0].weight.detach().numpy(), 0.01, *bounds) + bias
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_network_is_itself_again() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)).requires_grad_(False)
    image = torch.rand(1, 3, 8, 8)
    before = module(image)
    with quantised(module, {"0": (0, 0.1)}):
        assert not torch.equal(module(image), before)
    assert torch.equal(module(image), before)


def test_ranges_are_the_means_of_the_extremes_of_what_ran() -> None:
    module = nn.ModuleDict(
        {
            "used": nn.Conv2d(1, 1, 1),
            "unused": nn.Conv2d(1, 1, 1),
            "grouped": nn.Conv2d(2, 2, 1, groups=2),
            "linear": nn.Linear(1, 1),
        }
    )
    with observed_ranges(module) as ranges:
        for least, largest in ((-1.0, 2.0), (-2.0, 6.0)):
            module["used"](torch.tensor([least, 0.5, largest]).reshape(1, 1, 1, 3))
        assert ranges == {}
    module["used"](torch.full((1, 1, 1, 1), 100.0))
    assert ranges == {"used": (-1.5, 4.0)}
    assert convolutions(module).keys() == {"used", "unused"}


def test_a_convolution_that_read_nothing_but_zeros_says_its_bias() -> None:
    module = nn.Sequential(nn.Conv2d(1, 1, 1))
    with observed_ranges(module) as ranges:
        module(torch.zeros(1, 1, 2, 2))
    with torch.no_grad(), quantised(module, ranges):
        assert torch.equal(module(torch.zeros(1, 1, 2, 2)), module[0].bias.expand(1, 1, 2, 2))
