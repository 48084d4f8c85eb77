"""A head that sees a coarse volume, and what was measured, from above, and predicts whole columns of finer voxels.

Most of what tells classes apart varies slowly along a street, most of what tells surfaces apart was measured. So the
network's volume has voxels of 0.8 x 0.8 x 0.4 m, and only here, in two dimensions, with height as channels (as FlashOcc
does, Yu et al. 2023), do features have the resolution of the classes, 0.4 m, and meet the measured voxels of 0.2 m.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.backbones.residual import BasicBlock
from ssc_ros.networks.heads.subvoxel import SubvoxelFeatures, occupied_parts
from ssc_ros.networks.volume.blocks import Pointwise3d, channels_first, channels_last

FOLD = 2
"""Columns along x, and along y, over a voxel of the volume."""


class ColumnFeatures(SubvoxelFeatures):
    """The same as a head in two dimensions predicts them: features [B, X, Y, Z, F], layer by layer, channels last."""

    @property
    def volume(self) -> Tensor:
        """[B, F, X, Y, Z]."""
        return channels_first(self.features)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(X, Y, Z) of it."""
        x, y, z = self.features.shape[1:4]
        return x, y, z

    def plus(self, index: Tensor, rows: Tensor) -> ColumnFeatures:
        """See `SubvoxelFeatures.plus`."""
        features = self.features.reshape(-1, self.features.shape[-1])
        return replace(self, features=features.index_add(0, index, rows.to(features)).view_as(self.features))

    def _decide_one(self, features: NDArray[Any], *rest: NDArray[Any] | None) -> Callable[[int, int], object]:
        """See `decide_columns`: it decides a range along x."""
        from ssc_ros.kernels.child_labels import decide_columns  # compiles, so only where it is needed

        return lambda begin, end: decide_columns(begin, end, features, *rest)


class ColumnHead(nn.Module):
    """A volume, and measured voxels, -> `ColumnFeatures` at twice the volume's resolution along x and y.

    Args:
        channels: of the volume.
        layers: Z, of the volume and of the logits.
        width: channels of a column.
        frequencies: (C,) voxel counts of the classes; as for `SubvoxelHead`, an untrained head predicts these.
        sources: how many sensors measure.
    """

    def __init__(
        self, channels: int, layers: int, width: int, frequencies: NDArray[np.float64], sources: int = 1
    ) -> None:
        super().__init__()
        self.classes, self.layers, flat = len(frequencies), layers, channels * layers
        self.volume = nn.Conv2d(flat, width, 1)
        self.measured = nn.Conv2d(8 * sources * layers, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.body = BasicBlock(width, width)
        self.spread = nn.Conv2d(width, flat, 1)
        # what was measured in a voxel says most about that voxel: it need not pass through the column
        self.nearby = nn.Conv2d(8 * sources * layers, flat, 1, groups=layers, bias=False)
        self.logits = Pointwise3d(channels, self.classes + 8)
        assert self.logits.bias is not None
        prior = torch.from_numpy(np.log(frequencies / np.sum(frequencies)))
        with torch.no_grad():
            self.logits.bias[: self.classes, 0] = prior

    def forward(self, volume: Tensor, measured: Tensor) -> ColumnFeatures:
        """Predict.

        Args:
            volume: [B, channels, X, Y, Z].
            measured: [B, 8 sources, 2X, 2Y, Z] uint8, children as from `to_children` of each sensor.
        """
        flat, details = _layers_as_channels(volume), _layers_as_channels(measured.to(volume))
        columns = functional.relu(self.norm(_doubled(self.volume(flat)) + self.measured(details)))
        features = functional.relu(self.spread(self.body(columns)) + self.nearby(details) + _doubled(flat))
        return ColumnFeatures(channels_last(features).unflatten(3, (self.layers, -1)), self.logits)


def _layers_as_channels(volume: Tensor) -> Tensor:
    """[B, C, X, Y, Z] -> [B, Z C, X, Y]."""
    return channels_first(channels_last(volume).flatten(3))


def beside_columns(children: Tensor) -> tuple[Tensor, ...]:
    """What a network with this head makes of measured children [B, 8 n, 2X, 2Y, Z]: parts of the voxels of its volume
    to fuse, see `occupied_parts`, and the children for the head.
    """
    return occupied_parts(children), children


def _doubled(plane: Tensor) -> Tensor:
    return functional.interpolate(plane, scale_factor=2.0, mode="bilinear", align_corners=False)
