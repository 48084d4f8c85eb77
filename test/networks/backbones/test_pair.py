"""The features of a stereo pair, by one network or by two."""

from __future__ import annotations

import torch
from torch import nn

from ssc_ros.networks.backbones.pair import SeparateFeatures, SharedFeatures


def test_a_pair_is_seen_by_one_network() -> None:
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
