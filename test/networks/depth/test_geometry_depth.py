"""The depth branch of the full model: published sizes of its parts, and how they learn."""

from __future__ import annotations

import torch

from ssc_ros.core import DepthBins
from ssc_ros.networks.depth.camera_aware import CameraAwareDepth
from ssc_ros.networks.depth.geometry_depth import DepthFusion, GeometryDepth

from ..sizes import parameters

BINS = DepthBins(2.0, 4.0, 8)


def test_every_part_has_the_published_size() -> None:
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


def test_fusion_starts_without_attention() -> None:
    """The learned shares are zero: asking around changes nothing yet, but its weights already receive a gradient."""
    torch.manual_seed(0)
    fuse = DepthFusion(8, width=8).eval()
    mono, stereo = (torch.randn(1, 8, 8, 8).softmax(1) for _ in range(2))
    torch.testing.assert_close(fuse(mono, stereo), fuse.refine(torch.stack([stereo, mono], dim=1)).squeeze(1))
    fuse(mono, stereo).square().sum().backward()
    assert fuse.mono_asks.share.grad.abs() > 0


def test_scenes_of_a_batch_do_not_meet_and_one_alone_can_be_trained_on() -> None:
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
