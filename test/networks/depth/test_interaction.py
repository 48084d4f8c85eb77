"""Monocular and stereo depth correct each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from ssc_ros.core import DepthBins
from ssc_ros.networks.depth.interaction import PlainInteraction, VolumeInteraction

from ..sizes import parameters

BINS = DepthBins()


def test_interaction_has_the_published_size() -> None:
    with torch.device("meta"):
        interaction = VolumeInteraction(BINS.count)
    # the published attention has 7 numbers each way, without projections of the distribution
    assert parameters(interaction.refine) == 1_170_612 - 14


@pytest.mark.parametrize("make", [lambda bins: VolumeInteraction(bins, 8), lambda bins: PlainInteraction(bins, 8)])
def test_interaction_reads_logits_and_returns_logits(make: Callable[[int], nn.Module]) -> None:
    torch.manual_seed(0)
    mono, stereo = torch.randn(2, 2, 8, 5, 6)
    module = make(8).eval()
    depth = module(mono, stereo)
    assert depth.shape == mono.shape
    one = module(mono[:1], stereo[:1])
    torch.testing.assert_close(depth[:1], one, atol=1e-5, rtol=1e-5)


def test_plain_interaction_begins_with_the_product_of_both() -> None:
    module = PlainInteraction(8, 8).eval()
    with torch.no_grad():
        for p in module.correct[-1].parameters():
            p.zero_()
    mono, stereo = torch.randn(2, 2, 8, 5, 6)
    product = functional.softmax(mono, 1) * functional.softmax(stereo, 1)
    expected = product / product.sum(dim=1, keepdim=True)
    torch.testing.assert_close(module(mono, stereo).softmax(dim=1), expected)
