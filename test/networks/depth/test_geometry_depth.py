"""The depth branch of the full model: its parts against slow references and the published sizes."""

import itertools

import pytest
import torch
from torch.nn import functional

from ssc_ros.core import DepthBins
from ssc_ros.networks.depth.camera_aware import CameraAwareDepth, camera_vector
from ssc_ros.networks.depth.deformable_conv import DeformableConv2d, sample_taps
from ssc_ros.networks.depth.geometry_depth import DepthFusion, GeometryDepth
from ssc_ros.networks.depth.hourglass import Hourglass
from ssc_ros.networks.depth.window_attention import NeighbourhoodCrossAttention, neighbourhood

BINS = DepthBins(2.0, 4.0, 8)


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_every_part_has_the_published_size():
    """As counted in the published code, whose camera vector is 33 numbers long."""
    bins = DepthBins()
    with torch.device("meta"):
        net = GeometryDepth(640, 128, bins, (384, 1280))
        published_mono = CameraAwareDepth(640, 128, bins.count, camera=33)
        context, logits = net(torch.empty(1, 640, 48, 160), torch.empty(1, 48, 160), torch.empty(1, 3, 4))
    assert context.shape == (1, 128, 48, 160)
    assert logits.shape == (1, 112, 48, 160)
    assert parameters(published_mono) == 8_618_452
    assert [parameters(part) for part in net.stereo.spread] == [113_120, 4_582_592, 12_656]
    assert parameters(net.fuse) == 1_272_010
    assert parameters(net.stereo) + parameters(net.fuse) + parameters(published_mono) == 14_598_830
    # two perceptrons and a norm that read 12 numbers instead
    assert parameters(net) == 14_598_830 - (33 - 12) * (2 * 640 + 2)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("size", [8, 7, 5])
def test_an_hourglass_keeps_any_size(dimensions, size):
    x = torch.randn(1, 4, *[size] * dimensions)
    assert Hourglass(dimensions, 4)(x).shape == x.shape


def test_an_hourglass_of_volumes_has_the_published_size():
    with torch.device("meta"):
        assert parameters(Hourglass(3, 32)) == 1_112_192


def test_taps_at_rest_make_a_plain_convolution():
    torch.manual_seed(0)
    deformable = DeformableConv2d(8, groups=4)
    x = torch.randn(2, 8, 5, 7)
    plain = functional.conv2d(x, deformable.weight, padding=1, groups=4)
    torch.testing.assert_close(deformable(x), plain, atol=1e-5, rtol=1e-5)


def test_displaced_taps_equal_a_pixelwise_reference():
    torch.manual_seed(0)
    x, offsets = torch.randn(2, 3, 4, 5), 2 * torch.randn(2, 18, 4, 5)
    expected = torch.zeros(2, 3, 9, 4, 5)
    for b, tap, row, column in itertools.product(range(2), range(9), range(4), range(5)):
        y = row + tap // 3 - 1 + offsets[b, 2 * tap, row, column].item()
        z = column + tap % 3 - 1 + offsets[b, 2 * tap + 1, row, column].item()
        for i, j in itertools.product(range(4), range(5)):
            weight = max(0, 1 - abs(y - i)) * max(0, 1 - abs(z - j))
            expected[b, :, tap, row, column] += weight * x[b, :, i, j]
    torch.testing.assert_close(sample_taps(x, offsets, 3), expected, atol=1e-5, rtol=1e-5)


def test_a_neighbourhood_moves_inwards_at_the_border():
    assert neighbourhood(7, 5, torch.device("cpu"))[:, 0].tolist() == [0, 0, 0, 1, 2, 2, 2]


def test_cross_attention_equals_a_pixelwise_reference():
    torch.manual_seed(0)
    attention = NeighbourhoodCrossAttention(6, window=3)
    torch.nn.init.constant_(attention.share, 0.7)
    torch.nn.init.normal_(attention.bias)
    asking, asked = torch.randn(2, 6, 5, 4), torch.randn(2, 6, 5, 4)
    expected = asked.clone()
    for b, row, column in itertools.product(range(2), range(5), range(4)):
        query = attention.query(asking[b, :, row, column]) / 6**0.5
        top, left = min(max(row - 1, 0), 2), min(max(column - 1, 0), 1)
        scores, values = [], []
        for i, j in itertools.product(range(top, top + 3), range(left, left + 3)):
            key, value = attention.key_value(asked[b, :, i, j]).chunk(2)
            scores.append(query @ key + attention.bias[i - row + 2, j - column + 2])
            values.append(value)
        found = torch.stack(scores).softmax(0) @ torch.stack(values)
        expected[b, :, row, column] += 0.7 * attention.project(found)
    torch.testing.assert_close(attention(asking, asked), expected, atol=1e-5, rtol=1e-5)


def test_the_camera_vector_outlives_a_resize():
    torch.manual_seed(0)
    projection = torch.randn(2, 3, 4)
    half = torch.diag(torch.tensor([0.5, 0.5, 1.0])) @ projection
    torch.testing.assert_close(camera_vector(projection, (100, 300)), camera_vector(half, (50, 150)))
    assert camera_vector(projection, (100, 300)).shape == (2, 12)


def test_depth_knows_its_camera():
    torch.manual_seed(0)
    net = CameraAwareDepth(8, 4, 8).eval()
    features = torch.randn(1, 8, 6, 6).expand(2, -1, -1, -1)
    context, depth = net(features, torch.randn(2, 12))
    assert (context[0] - context[1]).abs().max() > 1e-5
    assert (depth[0] - depth[1]).abs().max() > 1e-5


def test_fusion_starts_without_attention():
    """The learned shares are zero: asking around changes nothing yet, but its weights already receive a gradient."""
    torch.manual_seed(0)
    fuse = DepthFusion(8, width=8).eval()
    mono, stereo = (torch.randn(1, 8, 8, 8).softmax(1) for _ in range(2))
    torch.testing.assert_close(fuse(mono, stereo), fuse.refine(torch.stack([stereo, mono], dim=1)).squeeze(1))
    fuse(mono, stereo).square().sum().backward()
    assert fuse.mono_asks.share.grad.abs() > 0


def test_scenes_of_a_batch_do_not_meet_and_one_alone_can_be_trained_on():
    torch.manual_seed(0)
    net = GeometryDepth(8, 4, BINS, (64, 96))
    features, stereo, projection = torch.randn(2, 8, 8, 12), 40 * torch.rand(2, 8, 12), torch.randn(2, 3, 4)
    context, logits = net(features[:1], stereo[:1], projection[:1])
    (context.square().mean() + logits.square().mean()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    net.eval()
    with torch.no_grad():
        context, logits = net(features, stereo, projection)
        for i in range(2):
            one = slice(i, i + 1)
            alone = net(features[one], stereo[one], projection[one])
            torch.testing.assert_close((context[one], logits[one]), alone, atol=1e-5, rtol=1e-5)
