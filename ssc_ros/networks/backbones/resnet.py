"""ResNet (He et al. 2016) as a feature pyramid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ssc_ros.core import SscError
from ssc_ros.networks.chain import outputs_of_each
from ssc_ros.networks.pretrained import load_weights, read_weights, renamed

DEPTHS = {18: ("basic", (2, 2, 2, 2)), 50: ("bottleneck", (3, 4, 6, 3))}
"""Variant -> kind of block and blocks per stage, of the paper's table of architectures."""

NAMES = {"embedder.": "stem.", "encoder.stages.": "stages."}
"""Beginning of a name in the library's files -> ours."""


class ResNet(nn.Module):
    """The convolutional part of a ResNet, from the library transformers, as far as it is read.

    Args:
        variant: 18 or 50, its layers.
        stages: how many of the four stages are built. The last one holds more than half of the parameters.

    Raises:
        SscError: the library is not installed.
    """

    def __init__(self, variant: int, stages: int = 4) -> None:
        super().__init__()
        network, self.widths = _build(variant, stages)
        """Channels of the pyramid."""
        self.stem: nn.Module = network.embedder
        self.stages: nn.ModuleList = network.encoder.stages

    def forward(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] -> a level for each stage, at strides 4, 8, 16 and 32; finest first."""
        return outputs_of_each(self.stages, self.stem(image))

    def load_pretrained(self, folder: Path) -> None:
        """Fill it from a folder that `hf download microsoft/resnet-50 --local-dir FOLDER` makes.

        Raises:
            SscError: the file cannot be read or holds another variant.
        """
        weights = renamed(read_weights(folder, "resnet."), NAMES)
        absent = tuple(f"stages.{stage}." for stage in range(len(self.stages), len(DEPTHS[18][1])))
        load_weights(self, {n: t for n, t in weights.items() if not n.startswith(absent)}, folder)


def _build(variant: int, stages: int) -> tuple[Any, tuple[int, ...]]:
    """The library's model with random weights, and the channels of its stages."""
    try:
        from transformers import ResNetConfig, ResNetModel
    except ImportError as error:
        raise SscError(f"ResNet-{variant} needs the library transformers: pip install 'ssc_ros[full]'") from error
    kind, depths = DEPTHS[variant]
    first = 256 if kind == "bottleneck" else 64
    widths = tuple(first * 2**stage for stage in range(stages))
    config = ResNetConfig(hidden_sizes=list(widths), depths=list(depths[:stages]), layer_type=kind)
    return ResNetModel(config), widths
