"""ResNet (He et al. 2016) as a feature pyramid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ssc_ros.core import SscError
from ssc_ros.networks.pretrained import load_weights, read_weights

DEPTHS = {18: ("basic", (2, 2, 2, 2)), 50: ("bottleneck", (3, 4, 6, 3))}
"""Variant -> kind of block and blocks per stage, of the paper's table of architectures."""


class ResNet(nn.Module):
    """The convolutional part of a ResNet, from the library transformers, as far as it is read.

    Args:
        variant: 18 or 50, its layers.
        stages: how many of the four stages are built. The last one holds more than half of the parameters.
        weights: folder with weights in the library's format (model.safetensors), as
            `hf download microsoft/resnet-50 --local-dir FOLDER` makes it; nothing is downloaded from here.

    Raises:
        SscError: the library is not installed, or the folder does not hold this variant.
    """

    def __init__(self, variant: int, stages: int = 4, weights: Path | None = None) -> None:
        super().__init__()
        network, self.widths = _build(variant, stages)
        """Channels of the pyramid."""
        if weights is not None:
            tensors = read_weights(weights, "resnet.")
            absent = tuple(f"encoder.stages.{stage}." for stage in range(stages, 4))
            load_weights(network, {n: t for n, t in tensors.items() if not n.startswith(absent)}, weights)
        self.stem: nn.Module = network.embedder
        self.stages: nn.ModuleList = network.encoder.stages

    def forward(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] -> a level for each stage, at strides 4, 8, 16 and 32; finest first."""
        x = self.stem(image)
        pyramid = []
        for stage in self.stages:
            x = stage(x)
            pyramid.append(x)
        return pyramid


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
