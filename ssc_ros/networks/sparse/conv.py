"""Sparse convolutions as modules. Weights have the layout of spconv 2: [out, kx, ky, kz, in]."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.networks.sparse.products import convolve
from ssc_ros.networks.sparse.rulebook import Rulebook, strided_rulebook, submanifold_rulebook
from ssc_ros.networks.sparse.sites import Sites, Triple
from ssc_ros.networks.sparse.volume import SparseVolume


class _SparseConvolution(nn.Module):
    """Weights, and how they start: as those of torch's convolutions."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Triple, *, bias: bool) -> None:
        super().__init__()
        self.kernel = kernel
        self.weight = nn.Parameter(torch.empty(out_channels, *kernel, in_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return f"{self.weight.shape[-1]}, {self.weight.shape[0]}, kernel={self.kernel}"

    def _convolve(self, features: Tensor, rulebook: Rulebook) -> Tensor:
        result = convolve(features, self.weight, rulebook)
        return result if self.bias is None else result + self.bias.to(result)


class SubmanifoldConv3d(_SparseConvolution):
    """Convolution at the active voxels, which stay the same (Graham et al. 2018).

    At these voxels it equals the dense convolution of a volume that is zero elsewhere.

    Args:
        in_channels, out_channels: channels.
        kernel: taps per axis, odd.
        bias: whether to add one.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: Triple = (3, 3, 3), *, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, kernel, bias=bias)
        if not all(k % 2 for k in kernel):
            raise ValueError(f"a submanifold convolution has a centre: kernel {kernel} must be odd")

    def forward(self, volume: SparseVolume) -> SparseVolume:
        """Features [N, in_channels] -> [N, out_channels] on the same sites."""
        return volume.replaced(self._convolve(volume.features, submanifold_rulebook(volume.sites, self.kernel)))


class _StridedConvolution(_SparseConvolution):
    """A convolution between two resolutions."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Triple = (3, 3, 3),
        stride: Triple = (2, 2, 2),
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, bias=bias)
        self.stride = stride


class SparseConv3d(_StridedConvolution):
    """Convolution with stride, at all positions whose window holds an active voxel.

    There it equals the dense convolution, with a padding of (kernel - 1) // 2, of a volume that is zero elsewhere.

    Args:
        in_channels, out_channels: channels.
        kernel: taps per axis.
        stride: steps per axis.
        bias: whether to add one.
    """

    def forward(self, volume: SparseVolume) -> SparseVolume:
        """Features [N, in_channels] -> [M, out_channels] on coarser sites."""
        coarse, rulebook = strided_rulebook(volume.sites, self.kernel, self.stride)
        return SparseVolume(self._convolve(volume.features, rulebook), coarse)


class InverseConv3d(_StridedConvolution):
    """Transposed convolution back onto the sites that a `SparseConv3d` of the same kernel and stride came from.

    Args:
        in_channels, out_channels: channels.
        kernel, stride: of that convolution.
        bias: whether to add one.
    """

    def forward(self, coarse: SparseVolume, fine: Sites) -> SparseVolume:
        """Features [M, in_channels] on the coarse sites -> [N, out_channels] on the fine ones."""
        sites, rulebook = strided_rulebook(fine, self.kernel, self.stride)
        if sites is not coarse.sites:
            raise ValueError(
                f"these coarse sites were not made of the fine ones by kernel {self.kernel}, stride {self.stride}"
            )
        return SparseVolume(self._convolve(coarse.features, rulebook.reversed()), fine)
