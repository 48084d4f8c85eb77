"""What is measured joins what is lifted: voxels in which stereo matching or a LiDAR found a surface."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.volume.blocks import Pointwise3d, channels_first, channels_last


class _Fusion(nn.Module):
    """Projections of what is fused, and of the voxel's place, are added: a street has a layout.

    That is the projection of their concatenation without the concatenation.

    Args:
        in_channels: channels of the lifted volume.
        out_channels: channels of the result.
        shape: (X, Y, Z) of the volume.
    """

    def __init__(self, in_channels: int, out_channels: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.lifted = Pointwise3d(in_channels, out_channels, bias=False)
        self.place = nn.ParameterList(torch.zeros(out_channels, *_along(axis, n)) for axis, n in enumerate(shape))
        self.norm = nn.BatchNorm1d(out_channels)

    def _placed(self, volume: Tensor) -> Tensor:
        """[B, X, Y, Z, out_channels] -> [B, out_channels, X, Y, Z]."""
        x, y, z = self.place
        volume = volume + (x + y + z).movedim(0, -1).to(volume)
        return channels_first(functional.relu(self.norm(volume.flatten(0, -2)), inplace=True).view_as(volume))


class PlacedFusion(_Fusion):
    """Fuse lifted features and the place: (channels of both volumes, their shape (X, Y, Z))."""

    def forward(self, lifted: Tensor) -> Tensor:
        """[B, in_channels, X, Y, Z] -> [B, out_channels, X, Y, Z]."""
        return self._placed(self.lifted.of_rows(channels_last(lifted)))


class MeasuredFusion(_Fusion):
    """The measured parts of each voxel, and perhaps its class, beside the lifted features and the place.

    Args:
        in_channels, out_channels, shape: as `PlacedFusion`.
        parts: how many of a voxel sensors look at, of all sensors together: 8 children for each of them, for example.
        classes: of measured voxels, 0 for those that have none; 0 if the network is given none.
    """

    def __init__(
        self, in_channels: int, out_channels: int, shape: tuple[int, int, int], parts: int = 8, classes: int = 0
    ) -> None:
        super().__init__(in_channels, out_channels, shape)
        self.measured = Pointwise3d(parts, out_channels, bias=False)
        self.classes = nn.Embedding(classes, out_channels) if classes else None

    def forward(self, lifted: Tensor, measured: Tensor, classes: Tensor | None = None) -> Tensor:
        """Fuse.

        Args:
            lifted: [B, in_channels, X, Y, Z].
            measured: [B, parts, X, Y, Z] uint8, 1 where something was measured.
            classes: [B, X, Y, Z] uint8, where the module was made for them.

        Returns:
            [B, out_channels, X, Y, Z].
        """
        volume = self.lifted.of_rows(channels_last(lifted)) + self.measured.of_rows(channels_last(measured.to(lifted)))
        if self.classes is not None:
            assert classes is not None
            volume = channels_last(_add_rows(channels_first(volume), classes, self.classes.weight))
        return self._placed(volume)


class LabelledFusion(_Fusion):
    """The measured parts of each voxel, and what their classes say, beside the lifted features and the place.

    Args:
        in_channels, out_channels, shape: as `PlacedFusion`.
        parts: as `MeasuredFusion`.
    """

    def __init__(self, in_channels: int, out_channels: int, shape: tuple[int, int, int], parts: int) -> None:
        super().__init__(in_channels, out_channels, shape)
        self.measured = Pointwise3d(parts, out_channels, bias=False)

    def forward(self, lifted: Tensor, measured: Tensor, labelled: Tensor) -> Tensor:
        """Fuse.

        Args:
            lifted: [B, in_channels, X, Y, Z].
            measured: [B, parts, X, Y, Z] uint8, 1 where something was measured.
            labelled: [B, out_channels, X, Y, Z], see `heads.labelled`.
        """
        volume = self.lifted.of_rows(channels_last(lifted)) + self.measured.of_rows(channels_last(measured.to(lifted)))
        return self._placed(volume + channels_last(labelled).to(volume))


def _add_rows(volume: Tensor, number: Tensor, table: Tensor) -> Tensor:
    """A volume [B, C, X, Y, Z] to which each voxel's row of a table [N, C] is added, where its number is not 0.

    Few voxels have one, so that nothing is made that has the volume's size and as many channels.
    """
    batch, channels, *shape = volume.shape
    size = math.prod(shape)
    scene, voxel = number.flatten(1).nonzero().unbind(1)
    rows = table[number.flatten(1)[scene, voxel].long()].to(volume)
    channel = torch.arange(channels, device=volume.device)
    index = (scene[:, None] * channels + channel) * size + voxel[:, None]
    return volume.flatten().index_add(0, index.flatten(), rows.flatten()).view(batch, channels, *shape)


def _along(axis: int, size: int) -> tuple[int, int, int]:
    x, y, z = (size if i == axis else 1 for i in range(3))
    return x, y, z
