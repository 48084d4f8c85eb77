"""Propagation of geometry: how far it reaches, against a slow sum."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional

from ssc_ros.networks.volume.propagation import AxialPropagation, GeometryPropagation


@pytest.mark.parametrize("block", [GeometryPropagation, AxialPropagation])
def test_propagation_reaches_four_voxels_each_way(block: type[GeometryPropagation | AxialPropagation]) -> None:
    """Three by the large kernel, one by the small; a single voxel spreads that far and no further."""
    torch.manual_seed(0)
    network = block(2).double().eval()
    nothing = torch.zeros(2, 2, 13, 13, 13, dtype=torch.float64)
    one = nothing.clone()
    one[1, :, 6, 6, 6] = 1
    reached = (network(one) - network(nothing)).abs().amax(dim=1) > 0
    assert not reached[0].any()
    spread = torch.nonzero(reached[1])
    assert (spread - 6).abs().max() <= 4
    for axis in range(3):
        assert {2, 10} <= set(spread[:, axis].tolist()), "the whole window"


def test_propagation_equals_a_slow_sum_at_one_voxel() -> None:
    torch.manual_seed(0)
    network = GeometryPropagation(2).double()
    volume = torch.randn(1, 2, 9, 9, 9, dtype=torch.float64)
    padded = functional.pad(volume, [3] * 6)

    def wide(x: int, y: int, z: int) -> torch.Tensor:
        window = padded[0, :, x : x + 7, y : y + 7, z : z + 7]
        return (network.wide.weight * window).sum(dim=(1, 2, 3, 4)).relu()

    expected = volume[0, :, 4, 4, 4].clone()
    for i, j, k in itertools.product(range(3), repeat=3):
        expected += network.narrow.weight[:, :, i, j, k] @ wide(3 + i, 3 + j, 3 + k)
    torch.testing.assert_close(network(volume)[0, :, 4, 4, 4], expected.relu())
