"""Depth that knows its camera."""

from __future__ import annotations

import torch

from ssc_ros.networks.depth.camera_aware import CameraAwareDepth, camera_vector


def test_the_camera_vector_outlives_a_resize() -> None:
    torch.manual_seed(0)
    projection = torch.randn(2, 3, 4)
    half = torch.diag(torch.tensor([0.5, 0.5, 1.0])) @ projection
    torch.testing.assert_close(camera_vector(projection, (100, 300)), camera_vector(half, (50, 150)))
    assert camera_vector(projection, (100, 300)).shape == (2, 12)


def test_depth_knows_its_camera() -> None:
    torch.manual_seed(0)
    net = CameraAwareDepth(8, 4, 8).eval()
    features = torch.randn(1, 8, 6, 6).expand(2, -1, -1, -1)
    context, depth = net(features, torch.randn(2, 12))
    assert (context[0] - context[1]).abs().max() > 1e-5
    assert (depth[0] - depth[1]).abs().max() > 1e-5
