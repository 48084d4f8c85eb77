"""CLIP (Radford et al. 2021) on every patch of an image, from the library transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import SscError
from ssc_ros.networks.backbones.normalization import ImageNormalization

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""With which CLIP was trained, per channel of RGB in 0..1."""


class ClipText:
    """CLIP's text encoder: prompts as directions in a space that pixels can be compared in.

    Args:
        model: a CLIPModel of the library.
        tokenizer: that belongs to it.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer

    @torch.no_grad()
    def __call__(self, prompts: Sequence[str]) -> Tensor:
        """[K, F] float32 of unit length."""
        longest = self._model.config.text_config.max_position_embeddings
        tokens = self._tokenizer(
            list(prompts), padding=True, truncation=True, max_length=longest, return_tensors="pt"
        ).to(self._model.device)
        pooled = self._model.text_model(**tokens).pooler_output
        return functional.normalize(self._model.text_projection(pooled).float(), dim=1)


class ClipPixels(nn.Module):
    """CLIP's image encoder as [B, 3, H, W] uint8 RGB -> [B, F, H / patch, W / patch] of unit length.

    The encoder was trained to describe an image by its class token. For a description of each patch (MaskCLIP, Zhou
    et al. 2022, section 3.2) the attention of the last block is left out: every token keeps its own value. What
    follows is the encoder's own: the rest of the block, the last normalisation, the projection into the space of text.
    Position embeddings are interpolated for images of other shapes than it was trained on.

    Args:
        model: a CLIPModel of the library; its last block is taken out of it.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        vision = model.vision_model
        self.patch: int = vision.embeddings.patch_size
        self.embeddings, self.normalize = vision.embeddings, vision.pre_layrnorm
        self.last: Any = vision.encoder.layers[-1]
        vision.encoder.layers = vision.encoder.layers[:-1]
        self.encoder = vision.encoder
        self.project = nn.Sequential(vision.post_layernorm, model.visual_projection)
        self.prepare = ImageNormalization(MEAN, STD)

    def forward(self, image: Tensor) -> Tensor:
        """Describe every patch; H and W are multiples of the patch size."""
        rows, columns = (size // self.patch for size in image.shape[-2:])
        tokens = self.embeddings(self.prepare(image), interpolate_pos_encoding=True)
        tokens = self.encoder(inputs_embeds=self.normalize(tokens)).last_hidden_state[:, 1:]
        attention = self.last.self_attn
        tokens = tokens + attention.out_proj(attention.v_proj(self.last.layer_norm1(tokens)))
        tokens = tokens + self.last.mlp(self.last.layer_norm2(tokens))
        features: Tensor = functional.normalize(self.project(tokens).float(), dim=2)
        return features.mT.unflatten(2, (rows, columns))


def load_clip(folder: Path) -> tuple[Any, Any]:
    """The model and the tokenizer of a folder in the library's format; nothing is downloaded.

    Raises:
        SscError: the library is not installed, or the folder does not hold CLIP.
    """
    try:
        from transformers import AutoTokenizer, CLIPModel
    except ImportError as error:
        raise SscError("CLIP needs the library transformers: pip install 'ssc_ros[full]'") from error
    try:
        model = CLIPModel.from_pretrained(folder, local_files_only=True)
        return model, AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise SscError(f"'{folder}' does not hold CLIP as transformers saves it: {error}") from error
