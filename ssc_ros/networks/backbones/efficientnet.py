"""EfficientNet (Tan & Le 2019) as a feature pyramid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ssc_ros.core import SscError
from ssc_ros.networks.drop_path import DropPath
from ssc_ros.networks.pretrained import load_weights, read_weights, renamed

SCALING = {
    "b0": (1.0, 1.0),
    "b1": (1.0, 1.1),
    "b2": (1.1, 1.2),
    "b3": (1.2, 1.4),
    "b4": (1.4, 1.8),
    "b5": (1.6, 2.2),
    "b6": (1.8, 2.6),
    "b7": (2.0, 3.1),
}
"""Variant -> (width, depth) multipliers of the paper's table of models."""

NAMES = {
    "embeddings.": "stem.",
    "encoder.blocks.": "blocks.",
    "encoder.top_conv.": "top.0.",
    "encoder.top_bn.": "top.1.",
}
"""Beginning of a name in the library's files -> ours."""


class EfficientNet(nn.Module):
    """The convolutional part of an EfficientNet, from the library transformers.

    The library's own training behaviour is replaced where it is not the paper's: residual branches are dropped as a
    whole (there: single values), batch statistics move by 0.1 (there: 0.99, TensorFlow's meaning of momentum), and an
    untrained network starts with unit gains (there: gains around 0).

    Args:
        variant: "b0" to "b7".
        drop_path: probability of leaving out the last residual branch, falling linearly to 0 at the first.
        recompute: keep only the input of each block for the backward pass; slower, far less memory.

    Raises:
        SscError: the library is not installed.
    """

    def __init__(self, variant: str, drop_path: float = 0.2, *, recompute: bool = False) -> None:
        super().__init__()
        self.recompute = recompute
        network = _build(variant, drop_path)
        self.stem: nn.Module = network.embeddings
        self.blocks: nn.ModuleList = network.encoder.blocks
        self.top = nn.Sequential(network.encoder.top_conv, network.encoder.top_bn, network.encoder.top_activation)
        # a level ends where the next block halves the size, and at the last block
        halving = [i for i, block in enumerate(network.encoder.blocks) if block.depthwise_conv.stride == 2]
        self.ends = [*(i - 1 for i in halving[1:]), len(self.blocks) - 1]
        widths = [network.encoder.blocks[i].projection.project_conv.out_channels for i in self.ends]
        self.widths = (*widths, network.encoder.top_conv.out_channels)
        """Channels of the pyramid."""

    def forward(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] -> five levels at strides 4, 8, 16, 32 and, of many channels, 32 again; finest first."""
        x = self.stem(image)
        pyramid = []
        for i, block in enumerate(self.blocks):
            x = checkpoint(block, x, use_reentrant=False) if self.recompute and self.training else block(x)
            if i in self.ends:
                pyramid.append(x)
        return [*pyramid, self.top(x)]

    def load_pretrained(self, folder: Path) -> None:
        """Fill it from a folder that `hf download google/efficientnet-b7 --local-dir FOLDER` makes.

        Raises:
            SscError: the file cannot be read or holds another variant.
        """
        weights = read_weights(folder, "efficientnet.")
        load_weights(self, renamed(weights, NAMES), folder)


def _build(variant: str, drop_path: float) -> Any:
    """The library's model with random weights."""
    try:
        from transformers import EfficientNetConfig, EfficientNetModel
    except ImportError as error:
        raise SscError(f"EfficientNet {variant} needs the library transformers: pip install 'ssc_ros[full]'") from error
    width, depth = SCALING[variant]
    config = EfficientNetConfig(
        width_coefficient=width,
        depth_coefficient=depth,
        hidden_dim=round(1280 * width),
        drop_connect_rate=drop_path,
        batch_norm_momentum=0.1,
    )
    network = EfficientNetModel(config)
    for block in network.encoder.blocks:
        block.projection.dropout = DropPath(block.projection.dropout.p)
    network.apply(_initialise)
    return network


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
