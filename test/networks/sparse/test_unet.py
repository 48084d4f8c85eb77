"""The sparse U-Net: published sizes, and its gate against the dense form."""

from __future__ import annotations

import torch
from torch.nn import functional

from ssc_ros.networks.sparse.sites import Sites
from ssc_ros.networks.sparse.unet import AxisGate, SparseUNet, repeated
from ssc_ros.networks.sparse.volume import SparseVolume
from ssc_ros.networks.volume.propagation import GeometryPropagation

from ..norms import randomized
from ..sizes import parameters

SHAPE = (8, 6, 4)


def test_the_parts_have_the_published_size() -> None:
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


def test_the_axes_of_the_gate_add_up() -> None:
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
