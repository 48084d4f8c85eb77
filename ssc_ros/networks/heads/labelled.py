"""What classes of pixels, and of LiDAR points, say of measured voxels: one way for every sensor that measures.

A stereo camera and a LiDAR know where surfaces are, the image knows what they are. Each measured voxel of 0.4 m gets
the mean of the class probabilities of the image cells that see it, and learns from it what to add to the volume and to
the scene's features. How much that is depends on how sure the cells are, how many agree, and how far away they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.heads.subvoxel import SubvoxelFeatures
from ssc_ros.networks.volume.blocks import channels_first, channels_last

FACTS = 3
"""Beside the classes: how many sightings there are, which share of them has a cell, and the distance."""

FAR = 50.0
"""Distance [m] at which its feature is 1."""


@dataclass(frozen=True)
class LabelledRows:
    """What is known of the measured voxels of a batch.

    Attributes:
        index: [U] long, flat C-order index into (B, X, Y, Z).
        rows: [U, F].
    """

    index: Tensor
    rows: Tensor


class LabelledVoxels(nn.Module):
    """Classes of image cells and of LiDAR points -> features of measured voxels.

    Args:
        classes: number of classes C, class 0 is the sky or nothing.
        features: F of a voxel.
        channels: of the volume and of the scene's features.
        shape: (X, Y, Z) of the measured voxels.
        edge: of those voxels [m], along x and y.
        wide: how many of them lie in a voxel of the volume along x, and as many along y.
        sensors: how many sensors measure; each of them has voxels of its own.
    """

    def __init__(
        self,
        classes: int,
        features: int,
        channels: int,
        shape: tuple[int, int, int],
        edge: float,
        wide: int,
        sensors: int,
    ) -> None:
        super().__init__()
        self.shape, self.edge, self.wide = shape, edge, wide
        self.seen = nn.Linear(classes + FACTS, features)
        self.own = nn.Embedding(classes, features)
        self.sensor = nn.Parameter(torch.zeros(sensors, features))
        self.mix = nn.Linear(features, features)
        self.to_volume, self.to_scene = (nn.Linear(features, channels) for _ in range(2))
        nn.init.normal_(self.own.weight, std=0.1)

    def forward(self, probabilities: Tensor, sightings: Tensor, sensor: int, own: Tensor | None = None) -> LabelledRows:
        """Learn what is known of the voxels that a sensor has measured.

        Args:
            probabilities: [B, C, h, w] of the image cells.
            sightings: [B, N, 2], see `SceneInputs`.
            sensor: number of the sensor.
            own: [B, X, Y, Z] uint8, classes that the sensor itself gives to voxels; 0 is none.
        """
        cells = probabilities.shape[2] * probabilities.shape[3]
        table = channels_last(probabilities).flatten(0, 2).float()
        table = torch.cat([table, torch.zeros_like(table[:1])])  # the last row is of no cell

        # the pairs of all scenes, without those that fill up
        (there,) = (sightings[..., 0].flatten() >= 0).nonzero().unbind(1)
        scene = there // sightings.shape[1]
        voxel, cell = sightings.flatten(0, 1).index_select(0, there).long().unbind(1)
        in_view = (cell >= 0).to(table)
        cell = torch.where(cell < 0, len(table) - 1, cell + scene * cells)

        # the mean over the cells that see a voxel
        voxel = voxel + scene * math.prod(self.shape)
        index, group, count = torch.unique_consecutive(voxel, return_inverse=True, return_counts=True)
        votes = table.new_zeros(len(index), table.shape[1]).index_add_(0, group, table.index_select(0, cell))
        viewed = table.new_zeros(len(index)).index_add_(0, group, in_view)
        mean = votes / viewed.clamp(min=1)[:, None]

        # what is made of it
        facts = torch.stack([count.to(table).log1p() / 4, viewed / count, self._distance(index)], dim=1)
        rows = self.seen(torch.cat([mean, facts], dim=1)) + self.sensor[sensor]
        if own is not None:
            rows = rows + self.own(own.flatten().index_select(0, index).long())
        return LabelledRows(index, functional.relu(self.mix(functional.relu(rows))))

    def volume(self, labelled: list[LabelledRows], batch: int) -> Tensor:
        """[B, channels, X / wide, Y / wide, Z]: the sum of what the voxels in a wide one add to it."""
        x, y, z = self.shape
        wide = x // self.wide, y // self.wide, z
        total = self.to_volume.weight.new_zeros(batch * wide[0] * wide[1] * z, self.to_volume.out_features)
        for voxels in labelled:
            row, height = voxels.index // z, voxels.index % z
            scene, a, b = row // (x * y), row // y % x, row % y
            parent = ((scene * wide[0] + a // self.wide) * wide[1] + b // self.wide) * z + height
            total = total.index_add(0, parent, self.to_volume(voxels.rows).to(total))
        return channels_first(total.view(batch, *wide, -1))

    def added_to(self, scene: SceneLogits, labelled: list[LabelledRows]) -> SceneLogits:
        """The scene whose features have what the measured voxels add to them."""
        assert isinstance(scene, SubvoxelFeatures), "only a head that keeps features can be added to"
        for voxels in labelled:
            scene = scene.plus(voxels.index, self.to_scene(voxels.rows))
        return scene

    def _distance(self, index: Tensor) -> Tensor:
        """Horizontal distance of voxels from the middle of the box's near side, in units of `FAR`."""
        x, y, z = self.shape
        row = index // z
        along, across = row // y % x + 0.5, row % y + 0.5 - y / 2
        return (along**2 + across**2).sqrt() * (self.edge / FAR)
