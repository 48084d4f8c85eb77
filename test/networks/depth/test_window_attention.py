"""Attention to a neighbourhood against a pixelwise reference."""

from __future__ import annotations

import itertools

import torch

from ssc_ros.networks.depth.window_attention import NeighbourhoodCrossAttention, neighbourhood


def test_a_neighbourhood_moves_inwards_at_the_border() -> None:
    assert neighbourhood(7, 5, torch.device("cpu"))[:, 0].tolist() == [0, 0, 0, 1, 2, 2, 2]


def test_cross_attention_equals_a_pixelwise_reference() -> None:
    torch.manual_seed(0)
    attention = NeighbourhoodCrossAttention(6, window=3)
    torch.nn.init.constant_(attention.share, 0.7)
    torch.nn.init.normal_(attention.bias)
    asking, asked = torch.randn(2, 6, 5, 4), torch.randn(2, 6, 5, 4)
    expected = asked.clone()
    for b, row, column in itertools.product(range(2), range(5), range(4)):
        query = attention.query(asking[b, :, row, column]) / 6**0.5
        top, left = min(max(row - 1, 0), 2), min(max(column - 1, 0), 1)
        scores, values = [], []
        for i, j in itertools.product(range(top, top + 3), range(left, left + 3)):
            key, value = attention.key_value(asked[b, :, i, j]).chunk(2)
            scores.append(query @ key + attention.bias[i - row + 2, j - column + 2])
            values.append(value)
        found = torch.stack(scores).softmax(0) @ torch.stack(values)
        expected[b, :, row, column] += 0.7 * attention.project(found)
    torch.testing.assert_close(attention(asking, asked), expected, atol=1e-5, rtol=1e-5)
