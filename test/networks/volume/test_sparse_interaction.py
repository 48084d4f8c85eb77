"""VLScene's work on volumes: which voxels are chosen, and sparse against dense where all are."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from ssc_ros.networks.sparse.sites import Sites
from ssc_ros.networks.sparse.unet import ACROSS, ALONG, SparseUNet, repeated
from ssc_ros.networks.sparse.volume import SparseVolume
from ssc_ros.networks.volume.sparse_interaction import SparseInteraction, add, strongest, take

from ..norms import randomized

SHAPE = (8, 6, 4)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0])
def test_the_strongest_fraction_of_each_sample_is_chosen(fraction: float) -> None:
    torch.manual_seed(0)
    volume = torch.randn(2, 3, *SHAPE) * torch.tensor([1.0, 100.0]).view(2, 1, 1, 1, 1)
    chosen = strongest(volume, fraction)
    count = round(fraction * 8 * 6 * 4)
    assert chosen.shape == (2, count)
    assert (chosen.diff(dim=1) > 0).all()
    strength = volume.abs().sum(dim=1).flatten(1)
    for sample in range(2):
        left_out = torch.ones(strength.shape[1], dtype=torch.bool).index_fill(0, chosen[sample], False)
        inside, outside = strength[sample, ~left_out], strength[sample, left_out]
        assert not len(outside) or inside.min() >= outside.max()


def test_an_empty_volume_has_as_many_voxels_chosen_as_any() -> None:
    assert strongest(torch.zeros(2, 3, *SHAPE), 0.25).shape == (2, 48)


def test_chosen_voxels_are_those_of_a_mask() -> None:
    torch.manual_seed(0)
    volume = torch.randn(2, 3, *SHAPE)
    chosen = strongest(volume, 0.2)
    mask = torch.zeros(2, 8 * 6 * 4, dtype=torch.bool).scatter_(1, chosen, True).view(2, *SHAPE)
    expected = SparseVolume.from_dense(volume, mask)
    found = take(volume, chosen)
    torch.testing.assert_close(found.features, expected.features)
    torch.testing.assert_close(found.sites.cells, expected.sites.cells)
    torch.testing.assert_close(add(volume, chosen, found.features), volume * (1 + mask[:, None]))


def dense_unet(network: SparseUNet, volume: torch.Tensor) -> torch.Tensor:
    """`SparseUNet` with dense convolutions, all voxels active."""

    def unit(x: torch.Tensor, unit: nn.Module, kernel: tuple[int, int, int]) -> torch.Tensor:
        x = functional.conv3d(x, unit.conv.weight.movedim(-1, 1), padding=[k // 2 for k in kernel])
        norm = unit.after[1]
        x = functional.leaky_relu(x)
        return functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)

    def asymmetric(x: torch.Tensor, block: nn.Module) -> torch.Tensor:
        paths = [x, x]
        for i, (path, kernel) in enumerate(zip(block.paths, (ALONG, ACROSS), strict=True)):
            for part in path:
                paths[i] = unit(paths[i], part, kernel)
        return paths[0] + paths[1]

    x, skips = asymmetric(volume, network.context), []
    for block, down in zip(network.blocks, network.downs, strict=True):
        skips.append(asymmetric(x, block))
        x = functional.conv3d(skips[-1], down.weight.movedim(-1, 1), stride=2, padding=1)
    for up, skip in zip(reversed(network.ups), reversed(skips), strict=True):
        x = unit(x, up.entry, (3, 3, 3))
        weight = up.grow.weight.permute(4, 0, 1, 2, 3)
        x = functional.conv_transpose3d(x, weight, stride=2, padding=1, output_padding=1) + skip
        for part in up.exit:
            x = unit(x, part, ALONG)
    every = Sites.of_mask(torch.ones(len(x), *SHAPE_OF_FOUR, dtype=torch.bool))
    gated = network.gate(SparseVolume(x.movedim(1, -1).flatten(0, -2), every)).dense()
    return torch.cat([gated, x], dim=1)


SHAPE_OF_FOUR = (8, 4, 4)


@pytest.mark.parametrize("units", [1, 2])
def test_with_all_voxels_the_network_is_a_dense_one(units: int) -> None:
    torch.manual_seed(0)
    network = randomized(SparseUNet(3, (4, 5, 6), *repeated(units)))
    volume = torch.randn(2, 3, *SHAPE_OF_FOUR)
    with torch.no_grad():
        found = SparseInteraction(network, 1.0)(volume)
        expected = dense_unet(network, volume)
    assert found.shape == (2, network.out_channels, *SHAPE_OF_FOUR)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_voxels_that_are_not_chosen_are_zero_or_stay_what_they_were() -> None:
    torch.manual_seed(0)
    network = randomized(SparseUNet(3, (4, 4, 4), *repeated(2)))
    volume = torch.randn(2, 3, *SHAPE)
    chosen = torch.zeros(2, 8 * 6 * 4, dtype=torch.bool).scatter_(1, strongest(volume, 0.3), True).view(2, 1, *SHAPE)
    published = SparseInteraction(network, 0.3)(volume)
    assert not (published * ~chosen).any()
    merged = SparseInteraction(network, 0.3, torch.nn.Linear(network.out_channels, 3))(volume)
    torch.testing.assert_close(merged * ~chosen, volume * ~chosen)
    assert ((merged != volume) & chosen).any(dim=1).sum() == chosen.sum()


@pytest.mark.parametrize("merged", [True, False])
def test_a_batch_equals_its_samples_and_all_of_it_learns(merged: bool) -> None:
    torch.manual_seed(0)
    network = SparseUNet(3, (4, 4, 4), *repeated(2))
    module = SparseInteraction(network, 0.3, torch.nn.Linear(network.out_channels, 3) if merged else None)
    volume = torch.randn(2, 3, *SHAPE, requires_grad=True)
    module(volume).square().sum().backward()
    assert [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert volume.grad.any()
    randomized(module)
    both = module(volume)
    for sample in range(2):
        torch.testing.assert_close(both[sample], module(volume[sample : sample + 1])[0], atol=1e-5, rtol=1e-5)
