"""Affinity of frames: closed forms, published sizes, what a learner sees."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ssc_ros.networks.temporal.affinity import (
    CrossFrameAffinity,
    cosine,
    isolate,
    of_planes,
    of_volume,
)
from ssc_ros.networks.temporal.refinement import DynamicRefinement


def test_isolation_removes_what_all_patterns_share_and_the_cosine_removes_their_scale() -> None:
    patterns = torch.randn(2, 3, 4, 5, 6)
    torch.testing.assert_close(isolate(patterns).sum(dim=1), torch.zeros(2, 4, 5, 6), atol=1e-6, rtol=0)
    other = torch.randn(2, 3, 4, 5, 6)
    expected = functional.cosine_similarity(isolate(patterns), isolate(other), dim=1)[:, None]
    torch.testing.assert_close(cosine(isolate(patterns), isolate(other)), expected, atol=1e-5, rtol=1e-5)
    brighter = isolate(3 * patterns + 7)
    torch.testing.assert_close(cosine(brighter, isolate(other)), expected, atol=1e-4, rtol=1e-4)
    assert cosine(torch.zeros(1, 3, 1, 1, 1), torch.zeros(1, 3, 1, 1, 1)).item() == 0


def test_affinity_is_the_cosine_of_what_the_learners_say() -> None:
    torch.manual_seed(0)
    affinity = CrossFrameAffinity(5, 2)
    current, past = torch.randn(2, 5, 9, 10), torch.randn(2, 2, 4, 9, 10)
    ours, theirs = affinity.current(current), affinity.past(past)
    got = affinity(current, past)
    assert got.shape == (2, 1, 4, 9, 10)
    for b, d, v, u in ((0, 0, 0, 0), (1, 3, 4, 7)):
        one, two = ours[b, :, v, u], theirs[b, :, d, v, u]
        one, two = one - one.mean(), two - two.mean()
        assert got[b, 0, d, v, u].item() == pytest.approx((one @ two / one.norm() / two.norm()).item(), abs=1e-4)


def test_published_blocks_have_the_published_sizes() -> None:
    """Counted in the published code: current_patch, warped_patch and temporal_deformable."""
    affinity = CrossFrameAffinity(64, 3)
    sizes = [sum(p.numel() for p in m.parameters()) for m in (affinity.current, affinity.past, DynamicRefinement(3))]
    assert sizes == [1_731, 252, 33_939]


def test_a_learner_of_planes_sees_one_plane_and_a_learner_of_volumes_its_neighbours() -> None:
    torch.manual_seed(0)
    past = torch.randn(1, 2, 5, 7, 8)
    changed = past.clone()
    changed[:, :, 2] += 1
    for make, touched in ((of_planes, [2]), (of_volume, [1, 2, 3])):
        convolution = make(2, 3, 1)[0]
        moved = (convolution(past) - convolution(changed)).abs().amax(dim=(0, 1, 3, 4))
        assert moved.nonzero()[:, 0].tolist() == touched
