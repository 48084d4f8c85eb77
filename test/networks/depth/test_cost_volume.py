"""Stereo matching against loops, and against a pair whose depth is known, in metres."""

import pytest
import torch
from torch.nn import functional

from ssc_ros.core import DepthBins
from ssc_ros.networks.depth.cost_volume import at_depths, disparity_weights, group_correlation, right_projection
from ssc_ros.networks.depth.interaction import PlainInteraction, VolumeInteraction
from ssc_ros.networks.depth.stereo_volume import FineMatching, StereoVolume

BINS = DepthBins()


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("disparities", [1, 4, 9])
def test_correlation_equals_a_loop(disparities):
    """More disparities than columns included."""
    torch.manual_seed(0)
    left, right = torch.randn(2, 2, 6, 3, 7)
    expected = torch.zeros(2, 3, disparities, 3, 7)
    for group in range(3):
        channels = slice(2 * group, 2 * group + 2)
        for shift in range(disparities):
            for column in range(shift, 7):
                product = left[:, channels, :, column] * right[:, channels, :, column - shift]
                expected[:, group, shift, :, column] = product.mean(dim=1)
    torch.testing.assert_close(group_correlation(left, right, 3, disparities), expected)


def test_correlation_has_gradients():
    left, right = torch.randn(2, 1, 2, 2, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda a, b: group_correlation(a, b, 1, 3), (left.requires_grad_(), right.requires_grad_())
    )


def test_a_volume_is_read_at_the_disparity_of_each_bin():
    """A volume that is its disparity everywhere becomes focal_baseline / depth, for each sample's own rig."""
    volume = torch.arange(40.0)[None, None, :, None, None].expand(2, 3, 40, 2, 5)
    focal_baseline = torch.tensor([50.0, 75.0])
    depths = at_depths(volume, focal_baseline, BINS)
    assert depths.shape == (2, 3, 112, 2, 5)
    expected = focal_baseline[:, None] / torch.from_numpy(BINS.centers)
    torch.testing.assert_close(depths, expected[:, None, :, None, None].expand_as(depths), atol=1e-4, rtol=1e-5)


def test_what_is_nearer_than_the_last_disparity_reads_nothing():
    weights = disparity_weights(torch.tensor([50.0]), BINS, disparities=11)[0]
    reached = 50 / torch.from_numpy(BINS.centers) <= 10
    torch.testing.assert_close(weights.sum(dim=1)[reached], torch.ones(int(reached.sum())))
    assert (weights.sum(dim=1)[~reached] < 1).all()
    assert weights[0].sum() == 0


def shifted_noise(disparity: int, height: int, width: int, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A surface parallel to the image plane, of white noise: the right image sees it further to the left."""
    scene = torch.randn(1, channels, height, width + disparity, generator=torch.Generator().manual_seed(0))
    return scene[..., :width], scene[..., disparity:]


@pytest.mark.parametrize("disparity", [4, 7, 10])
def test_a_known_disparity_peaks_at_its_depth(disparity):
    left, right = shifted_noise(disparity, 6, 64, 32)
    volume = at_depths(group_correlation(left, right, 4, 32), torch.tensor([100.0]), BINS)
    best = volume.mean(dim=1)[0, :, :, 16:].argmax(dim=0)
    depth = torch.from_numpy(BINS.centers)[best]
    # between two centres, noise decides which of them is the better match
    assert (depth - 100.0 / disparity).abs().max() < BINS.step


@pytest.mark.parametrize("disparity", [8, 12, 20])
def test_fine_matching_finds_a_known_depth_before_any_training(disparity):
    """320 cells stand for an image of 640 pixels: a disparity of n cells is one of 2 n pixels."""
    torch.manual_seed(0)
    left, right = shifted_noise(disparity, 8, 320, 16)
    matching = FineMatching(16, BINS, (16, 640), width=16, disparities=40)
    logits = matching(left, right, torch.zeros(1, 3, 4), torch.tensor([200.0]))
    assert logits.shape == (1, 112, 4, 160)
    depth = torch.from_numpy(BINS.centers)[logits[0, :, :, 32:].argmax(dim=0)]
    assert ((depth - 100.0 / disparity).abs() <= BINS.step).float().mean() > 0.95


def test_fine_matching_is_blind_to_the_brightness_of_either_camera():
    torch.manual_seed(0)
    left, right = shifted_noise(8, 4, 64, 8)
    matching = FineMatching(8, BINS, (8, 128), width=8)
    rig = torch.zeros(1, 3, 4), torch.tensor([200.0])
    torch.testing.assert_close(matching(left, 2 * right + 1, *rig), matching(left, right, *rig), atol=1e-4, rtol=1e-4)


def test_the_right_camera_sees_a_point_by_the_disparity_further_left():
    projection = torch.tensor([[[300.0, -200, 0, 20], [90, 0, -200, 10], [1, 0, 0, 0.3]]])
    point = torch.tensor([12.0, -3, 0.5, 1])
    left, right = projection[0] @ point, right_projection(projection, torch.tensor([150.0]))[0] @ point
    disparity = left[0] / left[2] - right[0] / right[2]
    assert disparity == pytest.approx(150 / 12.3, rel=1e-5)
    torch.testing.assert_close(left[1:], right[1:])


def test_the_parts_have_the_published_size():
    """As counted in the published code, whose camera vector is 30 numbers long."""
    with torch.device("meta"):
        assert parameters(StereoVolume(128, BINS, (384, 1280), camera=30)) == 3_685_600
        interaction = VolumeInteraction(BINS.count)
    # the published attention has 7 numbers each way, without projections of the distribution
    assert parameters(interaction.refine) == 1_170_612 - 14


@pytest.mark.parametrize("make", [lambda bins: VolumeInteraction(bins, 8), lambda bins: PlainInteraction(bins, 8)])
def test_interaction_reads_logits_and_returns_logits(make):
    torch.manual_seed(0)
    mono, stereo = torch.randn(2, 2, 8, 5, 6)
    module = make(8).eval()
    depth = module(mono, stereo)
    assert depth.shape == mono.shape
    one = module(mono[:1], stereo[:1])
    torch.testing.assert_close(depth[:1], one, atol=1e-5, rtol=1e-5)


def test_plain_interaction_begins_with_the_product_of_both():
    module = PlainInteraction(8, 8).eval()
    with torch.no_grad():
        for p in module.correct[-1].parameters():
            p.zero_()
    mono, stereo = torch.randn(2, 2, 8, 5, 6)
    product = functional.softmax(mono, 1) * functional.softmax(stereo, 1)
    expected = product / product.sum(dim=1, keepdim=True)
    torch.testing.assert_close(module(mono, stereo).softmax(dim=1), expected)


def test_the_published_volume_knows_its_cameras_and_its_rig():
    torch.manual_seed(0)
    volume = StereoVolume(8, DepthBins(2, 4, 8), (32, 64), width=8, groups=4, disparities=6).eval()
    left, right = torch.randn(2, 2, 8, 4, 8)
    projection = torch.randn(2, 3, 4)
    logits = volume(left, right, projection, torch.tensor([80.0, 80.0]))
    assert logits.shape == (2, 8, 4, 8)
    nearer = volume(left, right, projection, torch.tensor([80.0, 120.0]))
    torch.testing.assert_close(logits[0], nearer[0], atol=1e-5, rtol=1e-4)
    assert (logits[1] - nearer[1]).abs().max() > 1e-3
