"""Text as vectors, without a trained network: the same on every call and every machine."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_UNSAID = frozenset({"a", "an", "the", "of", "on", "with", "and", "or", "for", "as", "such"})
"""Words that say nothing of what is seen."""
_SIGNS = 256
"""Bits of a SHA-256 digest."""


class HashedWords:
    """Prompts as sums of word vectors, which are the bits of the words' own SHA-256 digests.

    Two words are nearly orthogonal, their cosine has the standard deviation 1 / sqrt(width); so the cosine of two
    prompts is about the number of words that they share over the geometric mean of their numbers of words. That is
    all that it knows of language: it knows that a bicyclist has to do with a bicycle where the prompts say so.

    Args:
        width: dimensions F of the vectors.
    """

    def __init__(self, width: int) -> None:
        self._width = width

    def __call__(self, prompts: Sequence[str]) -> Tensor:
        """[K, F] float32 of unit length."""
        sums = np.stack([sum(map(self._vector, words_of(prompt)), np.zeros(self._width)) for prompt in prompts])
        return torch.tensor(sums / np.linalg.norm(sums, axis=1, keepdims=True), dtype=torch.float32)

    def _vector(self, word: str) -> NDArray[np.float64]:
        """(F,) of +1 and -1."""
        digests = (hashlib.sha256(f"{word}/{i}".encode()).digest() for i in range(-(-self._width // _SIGNS)))
        bits = np.unpackbits(np.frombuffer(b"".join(digests), np.uint8))
        return np.where(bits[: self._width], 1.0, -1.0)


def words_of(prompt: str) -> list[str]:
    """The words of a prompt that say something, in lower case, without a plural s."""
    words = re.findall(r"[a-z]+", prompt.lower())
    return [word.removesuffix("s") if len(word) > 3 else word for word in words if word not in _UNSAID]
