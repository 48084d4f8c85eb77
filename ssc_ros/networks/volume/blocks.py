"""Small three-dimensional blocks on [B, C, X, Y, Z]."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


def channels_are_last(volume: Tensor) -> bool:
    """Whether the channels of [B, C, ...] lie side by side in memory, as from a lift by loops."""
    return volume.ndim > 2 and not volume.is_contiguous() and volume.movedim(1, -1).is_contiguous()


def channels_last(volume: Tensor) -> Tensor:
    """A view of [B, C, ...] as [B, ..., C].

    What a block does to single voxels it does to this view: so a compiler of graphs, whose convolutions write channels
    side by side, does not move them in between.
    """
    return volume.movedim(1, -1)


def channels_first(volume: Tensor) -> Tensor:
    """The inverse of `channels_last`."""
    return volume.movedim(-1, 1)


def as_rows(volume: Tensor) -> Tensor:
    """`channels_last` of what a convolution has written, for several readers.

    In a traced graph it is the product with the identity, which OpenVINO lets read the convolution's memory as it is;
    for several readers of other kinds it makes a copy, six times as slowly.
    """
    rows = channels_last(volume)
    if torch.jit.is_tracing():  # type: ignore[attr-defined]
        return functional.linear(rows, torch.eye(rows.shape[-1], dtype=rows.dtype, device=rows.device))
    # one copy at most; a sum of rows that do not lie side by side takes forty times as long
    return rows.contiguous()


class Pointwise3d(nn.Module):
    """A 1x1x1 convolution as one matrix product.

    On a CPU the convolution kernels need channel counts in multiples of 16 to be fast, in the backward pass above all
    (15 times slower at 54 channels); a matrix product does not care.
    """

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels, 1)) if bias else None
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def forward(self, volume: Tensor) -> Tensor:
        """[B, in_channels, X, Y, Z] -> [B, out_channels, X, Y, Z]; two axes will do too."""
        # a compiler of graphs chooses kernels by itself, and fuses convolutions
        if torch.jit.is_tracing():  # type: ignore[attr-defined]
            convolution, ones = (functional.conv3d, 3) if volume.ndim == 5 else (functional.conv2d, 2)
            bias = None if self.bias is None else self.bias[:, 0]
            return convolution(volume, self.weight.unflatten(1, (-1, *[1] * ones)), bias)
        if channels_are_last(volume):  # and stay so
            return channels_first(self.of_rows(channels_last(volume)))
        # bmm, not matmul, which would fold the batch into the voxels and copy the volume for it
        weight = self.weight.expand(len(volume), -1, -1)
        flat = volume.flatten(2)
        result = torch.bmm(weight, flat) if self.bias is None else torch.baddbmm(self.bias, weight, flat)
        return result.unflatten(2, volume.shape[2:])

    def of_rows(self, rows: Tensor) -> Tensor:
        """The same of [..., in_channels], whose channels are last; for blocks that do more to rows than this."""
        return functional.linear(rows, self.weight, None if self.bias is None else self.bias[:, 0])


class AxialConv3d(nn.Conv3d):
    """A convolution along one axis of a volume that keeps its size.

    Torch takes a kernel that is 1 x 1 in its last two axes for a pointwise one and, on one thread, for a slow path:
    along X the volume is an image of X rows.

    Args:
        channels: of input and output.
        kernel: odd number of taps.
        axis: 0, 1 or 2 for X, Y or Z.
        bias: whether to add one.
    """

    def __init__(self, channels: int, kernel: int, axis: int, *, bias: bool = True) -> None:
        x, y, z = (kernel if i == axis else 1 for i in range(3))
        super().__init__(channels, channels, (x, y, z), padding=(x // 2, y // 2, z // 2), bias=bias)
        self.axis = axis

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> the same."""
        if self.axis:
            return super().forward(volume)
        kernel = self.weight.flatten(3)
        return functional.conv2d(volume.flatten(3), kernel, self.bias, padding=(kernel.shape[2] // 2, 0)).view_as(
            volume
        )


class PlaneConv3d(nn.Conv3d):
    """A 3x3 convolution within each plane along the first axis of a volume; keeps the size.

    As a convolution of images it is several times as fast on a CPU.

    Args:
        in_channels, out_channels: channels.
        dilation: within the plane.
    """

    def __init__(self, in_channels: int, out_channels: int, dilation: int = 1) -> None:
        super().__init__(
            in_channels, out_channels, (1, 3, 3), padding=(0, dilation, dilation), dilation=(1, dilation, dilation)
        )

    def forward(self, volume: Tensor) -> Tensor:
        """[B, in_channels, X, Y, Z] -> [B, out_channels, X, Y, Z]."""
        planes = volume.movedim(2, 1)
        dilation = self.dilation[1]
        images = functional.conv2d(
            planes.flatten(0, 1), self.weight[:, :, 0], self.bias, padding=dilation, dilation=dilation
        )
        return images.unflatten(0, planes.shape[:2]).movedim(1, 2)


Norm = Callable[[int], nn.Module]
"""Channels -> a normalisation of [B, channels, X, Y, Z]."""


def group_norm_32(channels: int) -> nn.Module:
    """Group norm of 32 groups."""
    return nn.GroupNorm(32, channels)


def conv_norm_3d(
    in_channels: int,
    out_channels: int,
    kernel: int = 3,
    stride: int = 1,
    *,
    relu: bool = True,
    norm: Norm = nn.BatchNorm3d,
) -> nn.Sequential:
    """3-D convolution, normalisation and (by default) ReLU; keeps the size at stride 1."""
    layers: list[nn.Module] = [_convolution(in_channels, out_channels, kernel, stride), norm(out_channels)]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def conv_group_norm_3d(in_channels: int, out_channels: int, kernel: int = 3) -> nn.Sequential:
    """3-D convolution that keeps the size, group norm of 32 groups and ReLU."""
    return conv_norm_3d(in_channels, out_channels, kernel, norm=group_norm_32)


def _convolution(in_channels: int, out_channels: int, kernel: int, stride: int) -> nn.Module:
    if kernel == stride == 1:
        return Pointwise3d(in_channels, out_channels, bias=False)
    return nn.Conv3d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)


class ResidualBlock3d(nn.Module):
    """One 3x3x3 convolution added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = conv_norm_3d(channels, channels, relu=False)

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> the same."""
        return functional.relu(volume + self.body(volume))
