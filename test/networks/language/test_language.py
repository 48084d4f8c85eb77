"""Text as vectors, and pixels compared with it."""

from __future__ import annotations

import hashlib
import itertools
import math

import pytest
import torch

from ssc_ros.core import LABEL_SETS
from ssc_ros.networks.heads.text_aligned import TEMPERATURE, TextAlignedHead
from ssc_ros.networks.language.prompts import prompts_of
from ssc_ros.networks.language.text import HashedWords, words_of


@pytest.mark.parametrize("name", LABEL_SETS)
def test_every_class_of_every_label_set_has_a_prompt_of_its_own(name: str) -> None:
    prompts = prompts_of(LABEL_SETS[name].names)
    assert len(set(prompts)) == len(LABEL_SETS[name])
    text = HashedWords(64)(prompts)
    cosines = text @ text.T
    assert cosines.fill_diagonal_(-1).max() < 0.8  # no class is another one with an accent


def test_a_word_is_its_digest() -> None:
    digest = hashlib.sha256(b"road/0").digest() + hashlib.sha256(b"road/1").digest()
    bits = "".join(f"{byte:08b}" for byte in digest)[:300]
    expected = torch.tensor([1.0 if bit == "1" else -1.0 for bit in bits]) / math.sqrt(300)
    torch.testing.assert_close(HashedWords(300)(["road"])[0], expected)


def test_the_cosine_of_two_prompts_is_about_the_share_of_their_common_words() -> None:
    # four words each; the vectors of different words have cosines of deviation 1 / sqrt(width), here 0.008
    prompts = ["red round heavy ball", "red round light box", "green flat small leaf", "red round heavy ball"]
    text = HashedWords(16384)(prompts)
    torch.testing.assert_close(text.norm(dim=1), torch.ones(4))
    expected = torch.tensor([[1, 0.5, 0, 1], [0.5, 1, 0, 0.5], [0, 0, 1, 0], [1, 0.5, 0, 1]])
    torch.testing.assert_close(text @ text.T, expected, atol=0.04, rtol=0)


def test_articles_and_plurals_say_nothing() -> None:
    assert words_of("A bus, with the Wheels of grass on it") == ["bus", "wheel", "gras", "it"]
    embed = HashedWords(32)
    torch.testing.assert_close(embed(["a wheel"]), embed(["the wheels"]))


def test_no_random_state_is_touched_and_each_call_agrees() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, second = (HashedWords(48)(["pole", "tree trunk"]) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())


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
