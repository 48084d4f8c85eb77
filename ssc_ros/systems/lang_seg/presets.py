"""Sizes of LSeg: `edge` for two CPU cores. The published size is CLIP itself, see docs/distillation.md."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck
from ssc_ros.networks.language.prompts import prompts_of
from ssc_ros.networks.language.text import HashedWords
from ssc_ros.systems.lang_seg.network import LangSeg
from ssc_ros.systems.spec import InputSpec

EDGE_WIDTHS, EDGE_FEATURES, EDGE_TEXT = (24, 32, 64, 96, 128), 64, 64
"""Channels of the encoder's stem and stages and of its neck; dimensions of the text embeddings."""


def edge() -> LangSeg:
    """A small residual network at stride 4 of a 192 x 640 image, and text without a trained text encoder."""
    return LangSeg(
        InputSpec(pair=()),
        encoder=nn.Sequential(
            ResidualEncoder(EDGE_WIDTHS, blocks=2), TopDownNeck(EDGE_WIDTHS[1:], out_channels=EDGE_FEATURES)
        ),
        channels=EDGE_FEATURES,
        text=HashedWords(EDGE_TEXT)(prompts_of(SEMANTIC_KITTI.names)),
    )


PRESETS: dict[str, Callable[[], LangSeg]] = {"edge": edge}
