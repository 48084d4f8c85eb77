"""Pixels compared with text."""

from __future__ import annotations

import itertools

import torch

from ssc_ros.networks.heads.text_aligned import TEMPERATURE, TextAlignedHead
from ssc_ros.networks.language.text import HashedWords


def test_logits_are_the_cosines_between_pixels_and_prompts_over_the_temperature() -> None:
    torch.manual_seed(0)
    text = torch.nn.functional.normalize(torch.randn(5, 7), dim=1)
    head = TextAlignedHead(3, text)
    features = torch.randn(2, 3, 4, 6)
    embeddings, logits = head(features)
    assert embeddings.shape == (2, 7, 4, 6)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2, 4, 6))
    for b, k, i, j in itertools.product(range(2), range(5), (0, 3), (1, 5)):
        pixel = head.embed.weight[:, :, 0, 0] @ features[b, :, i, j] + head.embed.bias
        cosine = torch.cosine_similarity(pixel, text[k], dim=0)
        torch.testing.assert_close(logits[b, k, i, j], cosine / TEMPERATURE, rtol=1e-4, atol=1e-4)


def test_the_text_is_kept_with_the_weights_and_never_trained() -> None:
    text = HashedWords(16)(["a", "road", "car"][1:])
    head = TextAlignedHead(3, text)
    assert torch.equal(head.state_dict()["text"], text)
    assert {name for name, _ in head.named_parameters()} == {"embed.weight", "embed.bias"}
