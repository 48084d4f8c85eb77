"""Text as vectors: hashed words, the same everywhere."""

from __future__ import annotations

import hashlib
import math

import torch

from ssc_ros.networks.language.text import HashedWords, words_of


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
