"""Pixels in the space of text: LSeg's head (Li et al. 2022, "Language-driven semantic segmentation", section 3)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

TEMPERATURE = 0.07
"""By which cosines are divided: CLIP's at the beginning of its training, and LSeg's (Radford et al. 2021, 2.5)."""


class TextAlignedHead(nn.Module):
    """Image features -> a direction in the space of text for each cell, and its similarity to each prompt.

    Args:
        channels: of the features.
        text: [K, F] embeddings of the prompts, of unit length; fixed, and kept with the weights.
    """

    text: Tensor

    def __init__(self, channels: int, text: Tensor) -> None:
        super().__init__()
        self.embed = nn.Conv2d(channels, text.shape[1], 1)
        self.register_buffer("text", text)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Compare.

        Args:
            features: [B, channels, h, w].

        Returns:
            Embeddings [B, F, h, w] of unit length, and logits [B, K, h, w], their cosines to the prompts over the
            temperature.
        """
        embeddings = functional.normalize(self.embed(features).float(), dim=1)
        return embeddings, compare(embeddings, self.text, TEMPERATURE)


def compare(embeddings: Tensor, text: Tensor, temperature: float) -> Tensor:
    """[B, F, h, w] and [K, F], both of unit length -> [B, K, h, w] cosines over the temperature."""
    return functional.conv2d(embeddings, text[:, :, None, None].to(embeddings)) / temperature
