"""Stereo matching against loops, and against a pair whose depth is known, in metres."""

from __future__ import annotations

import pytest
import torch

from ssc_ros.core import DepthBins
from ssc_ros.networks.depth.cost_volume import at_depths, disparity_weights, group_correlation, right_projection

from .shifted_noise import shifted_noise

BINS = DepthBins()


@pytest.mark.parametrize("disparities", [1, 4, 9])
def test_correlation_equals_a_loop(disparities: int) -> None:
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


def test_correlation_has_gradients() -> None:
    left, right = torch.randn(2, 1, 2, 2, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda a, b: group_correlation(a, b, 1, 3), (left.requires_grad_(), right.requires_grad_())
    )


def test_a_volume_is_read_at_the_disparity_of_each_bin() -> None:
    """A volume that is its disparity everywhere becomes focal_baseline / depth, for each sample's own rig."""
    volume = torch.arange(40.0)[None, None, :, None, None].expand(2, 3, 40, 2, 5)
    focal_baseline = torch.tensor([50.0, 75.0])
    depths = at_depths(volume, focal_baseline, BINS)
    assert depths.shape == (2, 3, 112, 2, 5)
    expected = focal_baseline[:, None] / torch.from_numpy(BINS.centers)
    torch.testing.assert_close(depths, expected[:, None, :, None, None].expand_as(depths), atol=1e-4, rtol=1e-5)


def test_what_is_nearer_than_the_last_disparity_reads_nothing() -> None:
    weights = disparity_weights(torch.tensor([50.0]), BINS, disparities=11)[0]
    reached = 50 / torch.from_numpy(BINS.centers) <= 10
    torch.testing.assert_close(weights.sum(dim=1)[reached], torch.ones(int(reached.sum())))
    assert (weights.sum(dim=1)[~reached] < 1).all()
    assert weights[0].sum() == 0


@pytest.mark.parametrize("disparity", [4, 7, 10])
def test_a_known_disparity_peaks_at_its_depth(disparity: int) -> None:
    left, right = shifted_noise(disparity, 6, 64, 32)
    volume = at_depths(group_correlation(left, right, 4, 32), torch.tensor([100.0]), BINS)
    best = volume.mean(dim=1)[0, :, :, 16:].argmax(dim=0)
    depth = torch.from_numpy(BINS.centers)[best]
    # between two centres, noise decides which of them is the better match
    assert (depth - 100.0 / disparity).abs().max() < BINS.step


def test_the_right_camera_sees_a_point_by_the_disparity_further_left() -> None:
    projection = torch.tensor([[[300.0, -200, 0, 20], [90, 0, -200, 10], [1, 0, 0, 0.3]]])
    point = torch.tensor([12.0, -3, 0.5, 1])
    left, right = projection[0] @ point, right_projection(projection, torch.tensor([150.0]))[0] @ point
    disparity = left[0] / left[2] - right[0] / right[2]
    assert disparity == pytest.approx(150 / 12.3, rel=1e-5)
    torch.testing.assert_close(left[1:], right[1:])
