"""A plain residual image encoder with a top-down neck (He et al. 2016, Lin et al. 2017)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.chain import outputs_of_each

Norm = Callable[[int], nn.Module]
"""Channels -> a normalisation of [B, channels, H, W]."""


def group_norm(channels: int) -> nn.Module:
    """Groups of eight channels: for blocks that see different kinds of maps, whose running statistics would blend."""
    return nn.GroupNorm(channels // 8, channels)


def conv_norm(
    in_channels: int,
    out_channels: int,
    kernel: int = 3,
    stride: int = 1,
    *,
    dilation: int = 1,
    relu: bool = True,
    norm: Norm = nn.BatchNorm2d,
) -> nn.Sequential:
    """2-D convolution, normalisation and (by default) ReLU; keeps the size at stride 1."""
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel, stride, dilation * (kernel // 2), dilation, bias=False),
        norm(out_channels),
    ]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut: [B, in_channels, H, W] -> [B, out_channels, H / stride, W / stride].

    Args:
        in_channels, out_channels, stride: channels and step.
        shortcut: replaces the usual one, which is the identity or, where the shape changes, a 1x1 convolution.
        norm: normalisation of each convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        shortcut: nn.Module | None = None,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_norm(in_channels, out_channels, 3, stride, norm=norm),
            conv_norm(out_channels, out_channels, relu=False, norm=norm),
        )
        if shortcut is None:
            same = in_channels == out_channels and stride == 1
            shortcut = nn.Identity() if same else conv_norm(in_channels, out_channels, 1, stride, relu=False, norm=norm)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return functional.relu(self.body(x) + self.shortcut(x))


class ResidualEncoder(nn.Module):
    """Feature pyramid at strides 4, 8, 16, ...

    Args:
        widths: channels of the stem (stride 2) and of each stage that follows, each of which halves the size.
        blocks: residual blocks per stage.
        in_channels: channels of the image.
        norm: normalisation of each convolution.
    """

    def __init__(
        self, widths: Sequence[int], blocks: int = 2, in_channels: int = 3, norm: Norm = nn.BatchNorm2d
    ) -> None:
        super().__init__()
        self.stem = conv_norm(in_channels, widths[0], 3, 2, norm=norm)
        self.stages = nn.ModuleList(
            nn.Sequential(BasicBlock(a, b, 2, norm=norm), *(BasicBlock(b, b, norm=norm) for _ in range(blocks - 1)))
            for a, b in itertools.pairwise(widths)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] -> one [B, widths[i], H / 2^(i+1), W / 2^(i+1)] for each stage, finest first."""
        return outputs_of_each(self.stages, self.stem(image))


class TopDownNeck(nn.Module):
    """Feature pyramid network reduced to its finest level (Lin et al. 2017).

    Args:
        widths: channels of the pyramid, finest first.
        out_channels: channels of the result.
        norm: normalisation of the last convolution.
    """

    def __init__(self, widths: Sequence[int], out_channels: int, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(w, out_channels, 1) for w in widths)
        self.smooth = conv_norm(out_channels, out_channels, norm=norm)

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Pyramid (finest first) -> [B, out_channels, H, W] at the size of its finest level."""
        levels = [lateral(x) for lateral, x in zip(self.lateral, pyramid, strict=True)]
        x = levels[-1]
        for finer in reversed(levels[:-1]):
            x = finer + functional.interpolate(x, size=finer.shape[-2:], mode="bilinear", align_corners=False)
        result: Tensor = self.smooth(x)
        return result
