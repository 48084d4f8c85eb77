"""Stereo volumes: published sizes, and depths that are known in metres."""

from __future__ import annotations

import pytest
import torch

from ssc_ros.core import DepthBins
from ssc_ros.networks.depth.stereo_volume import FineMatching, StereoVolume

from ..sizes import parameters
from .shifted_noise import shifted_noise

BINS = DepthBins()


@pytest.mark.parametrize("disparity", [8, 12, 20])
def test_fine_matching_finds_a_known_depth_before_any_training(disparity: int) -> None:
    """320 cells stand for an image of 640 pixels: a disparity of n cells is one of 2 n pixels."""
    torch.manual_seed(0)
    left, right = shifted_noise(disparity, 8, 320, 16)
    matching = FineMatching(16, BINS, (16, 640), width=16, disparities=40)
    logits = matching(left, right, torch.zeros(1, 3, 4), torch.tensor([200.0]))
    assert logits.shape == (1, 112, 4, 160)
    depth = torch.from_numpy(BINS.centers)[logits[0, :, :, 32:].argmax(dim=0)]
    assert ((depth - 100.0 / disparity).abs() <= BINS.step).float().mean() > 0.95


def test_fine_matching_is_blind_to_the_brightness_of_either_camera() -> None:
    torch.manual_seed(0)
    left, right = shifted_noise(8, 4, 64, 8)
    matching = FineMatching(8, BINS, (8, 128), width=8)
    rig = torch.zeros(1, 3, 4), torch.tensor([200.0])
    torch.testing.assert_close(matching(left, 2 * right + 1, *rig), matching(left, right, *rig), atol=1e-4, rtol=1e-4)


def test_stereo_matching_has_the_published_size() -> None:
    """As counted in the published code, whose camera vector is 30 numbers long."""
    with torch.device("meta"):
        assert parameters(StereoVolume(128, BINS, (384, 1280), camera=30)) == 3_685_600


def test_the_published_volume_knows_its_cameras_and_its_rig() -> None:
    torch.manual_seed(0)
    volume = StereoVolume(8, DepthBins(2, 4, 8), (32, 64), width=8, groups=4, disparities=6).eval()
    left, right = torch.randn(2, 2, 8, 4, 8)
    projection = torch.randn(2, 3, 4)
    logits = volume(left, right, projection, torch.tensor([80.0, 80.0]))
    assert logits.shape == (2, 8, 4, 8)
    nearer = volume(left, right, projection, torch.tensor([80.0, 120.0]))
    torch.testing.assert_close(logits[0], nearer[0], atol=1e-5, rtol=1e-4)
    assert (logits[1] - nearer[1]).abs().max() > 1e-3
