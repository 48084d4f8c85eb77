"""Depth as a distribution over bins, and the network that corrects a measured one."""

from __future__ import annotations

import numpy as np
import torch

from ssc_ros.core import DepthBins
from ssc_ros.networks.depth.depth_net import DepthNet, soft_one_hot


def test_soft_one_hot_interpolates_between_bins() -> None:
    bins = DepthBins()
    depth = torch.tensor([[[2.0, 10.2, 33.33, 0.0, 70.0]]])
    weights = soft_one_hot(depth, bins)[0, :, 0]
    torch.testing.assert_close(weights.sum(0), torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0]))
    mean = (weights * torch.from_numpy(bins.centers)[:, None]).sum(0)
    torch.testing.assert_close(mean[:3], depth[0, 0, :3], atol=1e-4, rtol=0)


def test_an_untrained_depth_net_follows_the_measured_depth() -> None:
    torch.manual_seed(0)
    bins = DepthBins()
    net = DepthNet(8, 16, 4, bins).eval()
    context, depth = net(torch.randn(1, 8, 6, 20), torch.full((1, 6, 20), 20.0), torch.zeros(1, 3, 4))
    assert context.shape == (1, 4, 6, 20)
    peak = depth.argmax(dim=1)
    assert (peak == bins.index(np.array([20.0]))[0]).float().mean() > 0.9
