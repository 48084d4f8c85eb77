"""What is measured joins what is lifted: voxels in which stereo matching found a surface."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.volume.blocks import Pointwise3d


class _Fusion(nn.Module):
    """Projections of what is fused, and of the voxel's place, are added: a street has a layout.

    That is the projection of their concatenation without the concatenation.

    Args:
        inputs: channels of the lifted volume.
        outputs: channels of the result.
        shape: (X, Y, Z) of the volume.
    """

    def __init__(self, inputs: int, outputs: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.lifted = Pointwise3d(inputs, outputs, bias=False)
        self.place = nn.ParameterList(torch.zeros(outputs, *_along(axis, n)) for axis, n in enumerate(shape))
        self.norm = nn.BatchNorm3d(outputs)

    def _placed(self, volume: Tensor) -> Tensor:
        x, y, z = self.place
        return functional.relu(self.norm(volume + (x + y + z).to(volume)), inplace=True)


class PlacedFusion(_Fusion):
    """Fuse lifted features and the place: (channels of both volumes, their shape (X, Y, Z))."""

    def forward(self, lifted: Tensor) -> Tensor:
        """[B, inputs, X, Y, Z] -> [B, outputs, X, Y, Z]."""
        return self._placed(self.lifted(lifted))


class MeasuredFusion(_Fusion):
    """The measured children of each voxel beside the lifted features and the place; arguments as `PlacedFusion`."""

    def __init__(self, inputs: int, outputs: int, shape: tuple[int, int, int]) -> None:
        super().__init__(inputs, outputs, shape)
        self.measured = Pointwise3d(8, outputs, bias=False)

    def forward(self, lifted: Tensor, measured: Tensor) -> Tensor:
        """[B, inputs, X, Y, Z] and [B, 8, X, Y, Z] uint8 (as from `to_children`) -> [B, outputs, X, Y, Z]."""
        return self._placed(self.lifted(lifted) + self.measured(measured.to(lifted)))


def _along(axis: int, size: int) -> tuple[int, int, int]:
    x, y, z = (size if i == axis else 1 for i in range(3))
    return x, y, z
