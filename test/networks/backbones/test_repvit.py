"""RepViT and the neck behind it: published sizes, and the form for inference against the one that is trained."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from ssc_ros.networks.backbones.fpn import Fpn
from ssc_ros.networks.backbones.pair import SeparateFeatures, SharedFeatures
from ssc_ros.networks.backbones.repvit import ConvNorm, DepthwiseMixer, Gate, RepViT, repvit_m2_3
from ssc_ros.networks.reparameterize import Reparameterized, absorb_norm, fuse


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def trained(network):
    """With norms that are far from the identity, and statistics that are not those of the input."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                tensor.data.uniform_(0.5, 1.5, generator=generator)
            for tensor in (module.bias, module.running_mean):
                tensor.data.normal_(0, 0.3, generator=generator)
    return network.eval()


def test_m2_3_has_the_published_size():
    with torch.device("meta"):
        network = repvit_m2_3()
        pyramid = network(torch.empty(2, 3, 384, 1280))
    assert parameters(network) == 22_404_232
    assert [tuple(x.shape) for x in pyramid] == [
        (2, 80, 96, 320), (2, 160, 48, 160), (2, 320, 24, 80), (2, 640, 12, 40)
    ]  # fmt: skip


def test_every_other_block_has_a_gate_but_never_the_last_of_a_stage():
    """Of 51 blocks that keep the size: 3 of 7, 3 of 7, 17 of 35 and 1 of 2 (table of the published configuration)."""
    with torch.device("meta"):
        network = repvit_m2_3()
    gates = [
        sum(isinstance(m, Gate) for part in parts for m in part.modules())
        for parts in zip(network.before, network.after, strict=True)
    ]
    assert gates == [3, 3, 17, 1]


def test_levels_are_read_a_block_early_or_at_the_end():
    torch.manual_seed(0)
    early, late = RepViT((8, 16), (2, 1), early=1).eval(), RepViT((8, 16), (2, 1)).eval()
    image = torch.randn(1, 3, 16, 24)
    first, second = early(image)
    torch.testing.assert_close(second, early.before[1](early.after[0](first)))
    assert len(early.after[0]) == 1
    assert [len(after) for after in late.after] == [0, 0]


@pytest.mark.parametrize("make", [lambda: ConvNorm(8, 16, 3, 2), lambda: DepthwiseMixer(8)])
def test_a_fused_block_is_one_convolution_that_computes_the_same(make):
    torch.manual_seed(0)
    block = trained(make())
    x = torch.randn(2, 8, 9, 7)
    fused = block.fused()
    assert isinstance(fused, nn.Conv2d)
    torch.testing.assert_close(fused(x), block(x), atol=1e-5, rtol=1e-5)


def test_the_form_for_inference_computes_the_same():
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


def test_a_norm_without_statistics_is_refused():
    with pytest.raises(ValueError, match="running statistics"):
        absorb_norm(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, track_running_stats=False))


def test_the_neck_has_the_published_size_of_what_is_read():
    """Three convolutions of the published neck, 147,584 weights each, serve outputs that nobody reads."""
    assert parameters(Fpn((80, 160, 320, 640), 128, start=1)) == 734_080 - 3 * 147_584


def test_the_neck_adds_coarser_levels_as_they_are():
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


def test_a_pair_is_seen_by_one_network():
    torch.manual_seed(0)
    left, right = torch.randn(2, 2, 3, 8, 8)
    encoder, matcher = nn.Conv2d(3, 4, 2, 2), nn.Conv2d(3, 2, 1)
    context, ours, theirs = SharedFeatures(encoder)(left, right)
    assert context is ours
    torch.testing.assert_close(ours, encoder(left))
    torch.testing.assert_close(theirs, encoder(right))
    context, ours, theirs = SeparateFeatures(encoder, matcher)(left, right)
    torch.testing.assert_close(context, encoder(left))
    torch.testing.assert_close(ours, matcher(left))
    torch.testing.assert_close(theirs, matcher(right))
