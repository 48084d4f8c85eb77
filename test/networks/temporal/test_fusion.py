"""Linear attention against its quadratic order, and how the past is added."""

from __future__ import annotations

import torch

from ssc_ros.networks.temporal.fusion import LinearAttention3d, TemporalFusion


def test_linear_attention_is_the_weighing_of_all_voxels_by_all() -> None:
    """In the quadratic order: the matrix of weights between voxels first."""
    torch.manual_seed(0)
    attention, asking, asked = LinearAttention3d(6, heads=2, width=3), *torch.randn(2, 2, 6, 3, 4, 2)
    query = attention.query(asking).reshape(2, 2, 3, 24).softmax(dim=2)
    key, value = attention.key_value(asked).reshape(2, 2, 2, 3, 24).unbind(1)
    weights = torch.einsum("bhcn,bhcm->bhnm", query, key.softmax(dim=-1))
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 2, 24))
    found = torch.einsum("bhnm,bhcm->bhcn", weights, value) / 3**0.5
    expected = attention.project(found.reshape(2, 6, 3, 4, 2))
    torch.testing.assert_close(attention(asking, asked), expected, atol=1e-5, rtol=1e-5)


def test_fusion_begins_as_a_sum_and_leaves_a_scene_without_past_alone() -> None:
    torch.manual_seed(0)
    fusion, volume, temporal = TemporalFusion(4), *torch.randn(2, 2, 4, 3, 3, 2)
    known = torch.tensor([True, False])
    fused = fusion(volume, temporal, known)
    torch.testing.assert_close(fused, torch.stack([volume[0] + temporal[0], volume[1]]))
    with torch.no_grad():
        fusion.alpha.fill_(0.5)
    fused = fusion(volume, temporal, known)
    assert torch.equal(fused[1], volume[1])
    assert (fused[0] - volume[0] - temporal[0]).abs().max() > 1e-3
    fused.sum().backward()
    assert fusion.alpha.grad.abs() > 0
