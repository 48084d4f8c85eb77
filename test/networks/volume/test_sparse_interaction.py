"""VLScene's work on volumes: which voxels are chosen, and sparse against dense where all are."""

import itertools

import pytest
import torch
from torch.nn import functional

from ssc_ros.networks.sparse.sites import Sites
from ssc_ros.networks.sparse.unet import ACROSS, ALONG, AxisGate, SparseUNet, repeated
from ssc_ros.networks.sparse.volume import SparseVolume
from ssc_ros.networks.volume.propagation import AxialPropagation, GeometryPropagation
from ssc_ros.networks.volume.sparse_interaction import SparseInteraction, add, strongest, take

SHAPE = (8, 6, 4)


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def randomized(network):
    """Norms that are far from the identity."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_()
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def test_the_parts_have_the_published_size():
    with torch.device("meta"):
        network = SparseUNet(64, (64, 128, 256), *repeated(2))
        assert parameters(GeometryPropagation(64)) == 1_523_712 - 64 * 128
    published = [147_968, 885_760, 3_540_992, 1_770_496, 5_310_464, 148_224]
    blocks = [network.blocks[i] for i in (0, 1)]
    ours = [
        parameters(network.context),
        *(parameters(b) + parameters(d) for b, d in zip(blocks, network.downs, strict=True)),
        *(parameters(up) for up in network.ups),
        parameters(network.gate),
    ]
    assert ours == published
    assert parameters(network) == 13_327_616 - 1_523_712


@pytest.mark.parametrize("block", [GeometryPropagation, AxialPropagation])
def test_propagation_reaches_four_voxels_each_way(block):
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


def test_propagation_equals_a_slow_sum_at_one_voxel():
    torch.manual_seed(0)
    network = GeometryPropagation(2).double()
    volume = torch.randn(1, 2, 9, 9, 9, dtype=torch.float64)
    padded = functional.pad(volume, [3] * 6)

    def wide(x, y, z):
        window = padded[0, :, x : x + 7, y : y + 7, z : z + 7]
        return (network.wide.weight * window).sum(dim=(1, 2, 3, 4)).relu()

    expected = volume[0, :, 4, 4, 4].clone()
    for i, j, k in itertools.product(range(3), repeat=3):
        expected += network.narrow.weight[:, :, i, j, k] @ wide(3 + i, 3 + j, 3 + k)
    torch.testing.assert_close(network(volume)[0, :, 4, 4, 4], expected.relu())


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0])
def test_the_strongest_fraction_of_each_sample_is_chosen(fraction):
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


def test_an_empty_volume_has_as_many_voxels_chosen_as_any():
    assert strongest(torch.zeros(2, 3, *SHAPE), 0.25).shape == (2, 48)


def test_chosen_voxels_are_those_of_a_mask():
    torch.manual_seed(0)
    volume = torch.randn(2, 3, *SHAPE)
    chosen = strongest(volume, 0.2)
    mask = torch.zeros(2, 8 * 6 * 4, dtype=torch.bool).scatter_(1, chosen, True).view(2, *SHAPE)
    expected = SparseVolume.from_dense(volume, mask)
    found = take(volume, chosen)
    torch.testing.assert_close(found.features, expected.features)
    torch.testing.assert_close(found.sites.cells, expected.sites.cells)
    torch.testing.assert_close(add(volume, chosen, found.features), volume * (1 + mask[:, None]))


def test_the_axes_of_the_gate_add_up():
    """The dense form, all voxels active; each axis has its own convolution, norm and sigmoid."""
    torch.manual_seed(0)
    gate = randomized(AxisGate(3))
    volume = torch.randn(2, 3, *SHAPE)
    shares = torch.zeros_like(volume)
    for conv, norm, kernel in zip(gate.convs, gate.norms, ((3, 1, 1), (1, 3, 1), (1, 1, 3)), strict=True):
        x = functional.conv3d(volume, conv.weight.movedim(-1, 1), padding=[k // 2 for k in kernel])
        shares += functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias).sigmoid()
    every = Sites.of_mask(torch.ones(2, *SHAPE, dtype=torch.bool))
    found = gate(SparseVolume(volume.movedim(1, -1).flatten(0, -2), every)).dense()
    torch.testing.assert_close(found, shares * volume, atol=1e-5, rtol=1e-5)


def dense_unet(network, volume):
    """`SparseUNet` with dense convolutions, all voxels active."""

    def unit(x, unit, kernel):
        x = functional.conv3d(x, unit.conv.weight.movedim(-1, 1), padding=[k // 2 for k in kernel])
        norm = unit.after[1]
        x = functional.leaky_relu(x)
        return functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)

    def asymmetric(x, block):
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
def test_with_all_voxels_the_network_is_a_dense_one(units):
    torch.manual_seed(0)
    network = randomized(SparseUNet(3, (4, 5, 6), *repeated(units)))
    volume = torch.randn(2, 3, *SHAPE_OF_FOUR)
    with torch.no_grad():
        found = SparseInteraction(network, 1.0)(volume)
        expected = dense_unet(network, volume)
    assert found.shape == (2, network.out_channels, *SHAPE_OF_FOUR)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_voxels_that_are_not_chosen_are_zero_or_stay_what_they_were():
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
def test_a_batch_equals_its_samples_and_all_of_it_learns(merged):
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
