"""RepViT: published sizes, and the form for inference against the one that is trained."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from ssc_ros.networks.backbones.repvit import ConvNorm, DepthwiseMixer, Gate, RepViT, repvit_m2_3
from ssc_ros.networks.reparameterize import Reparameterized, fuse

from ..sizes import parameters


def trained(network: nn.Module) -> nn.Module:
    """With norms that are far from the identity, and statistics that are not those of the input."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                tensor.data.uniform_(0.5, 1.5, generator=generator)
            for tensor in (module.bias, module.running_mean):
                tensor.data.normal_(0, 0.3, generator=generator)
    return network.eval()


def test_m2_3_has_the_published_size() -> None:
    with torch.device("meta"):
        network = repvit_m2_3()
        pyramid = network(torch.empty(2, 3, 384, 1280))
    assert parameters(network) == 22_404_232
    assert [tuple(x.shape) for x in pyramid] == [
        (2, 80, 96, 320), (2, 160, 48, 160), (2, 320, 24, 80), (2, 640, 12, 40)
    ]  # fmt: skip


def test_every_other_block_has_a_gate_but_never_the_last_of_a_stage() -> None:
    """Of 51 blocks that keep the size: 3 of 7, 3 of 7, 17 of 35 and 1 of 2 (table of the published configuration)."""
    with torch.device("meta"):
        network = repvit_m2_3()
    gates = [
        sum(isinstance(m, Gate) for part in parts for m in part.modules())
        for parts in zip(network.before, network.after, strict=True)
    ]
    assert gates == [3, 3, 17, 1]


def test_levels_are_read_a_block_early_or_at_the_end() -> None:
    torch.manual_seed(0)
    early, late = RepViT((8, 16), (2, 1), early=1).eval(), RepViT((8, 16), (2, 1)).eval()
    image = torch.randn(1, 3, 16, 24)
    first, second = early(image)
    torch.testing.assert_close(second, early.before[1](early.after[0](first)))
    assert len(early.after[0]) == 1
    assert [len(after) for after in late.after] == [0, 0]


@pytest.mark.parametrize("make", [lambda: ConvNorm(8, 16, 3, 2), lambda: DepthwiseMixer(8)])
def test_a_fused_block_is_one_convolution_that_computes_the_same(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    block = trained(make())
    x = torch.randn(2, 8, 9, 7)
    fused = block.fused()
    assert isinstance(fused, nn.Conv2d)
    torch.testing.assert_close(fused(x), block(x), atol=1e-5, rtol=1e-5)


def test_the_form_for_inference_computes_the_same() -> None:
    torch.manual_seed(0)
    network = trained(RepViT((8, 16, 24), (3, 2, 2), early=1))
    image = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        expected = network(image)
        before = copy.deepcopy(network.state_dict())
        smaller = fuse(copy.deepcopy(network))
        found = smaller(image)
    for x, y in zip(found, expected, strict=True):
        torch.testing.assert_close(x, y, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(m, (Reparameterized, nn.BatchNorm2d)) for m in smaller.modules())
    assert parameters(smaller) < parameters(network)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name], msg=f"{name} changed")
