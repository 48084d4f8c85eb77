"""A head that sees a coarse volume, and what was measured, from above, and predicts whole columns of finer voxels.

Most of what tells classes apart varies slowly along a street, most of what tells surfaces apart was measured. So the
network's volume has voxels of 0.8 x 0.8 x 0.4 m, and only here, in two dimensions, with height as channels (as FlashOcc
does, Yu et al. 2023), do features have the resolution of the classes, 0.4 m, and meet the measured voxels of 0.2 m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.backbones.residual import BasicBlock
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.heads.subvoxel import SubvoxelLogits, parent_and_child
from ssc_ros.networks.volume.blocks import Pointwise3d


@dataclass(frozen=True)
class ColumnLogits(SceneLogits):
    """`SubvoxelLogits` as the features that they are a linear function of: fewer numbers than there are logits.

    Attributes:
        features: [B, Z, F, X, Y], layer by layer as columns are predicted.
        classify: F features -> the logits of C classes and the offsets of the eight children.
    """

    features: Tensor
    classify: Pointwise3d

    def by_voxel(self) -> SubvoxelLogits:
        """The logits of all voxels."""
        logits = self.classify(self.features.flatten(0, 1)).unflatten(0, self.features.shape[:2]).movedim(1, 4)
        return SubvoxelLogits(logits[:, :-8], logits[:, -8:])

    def dense(self) -> Tensor:
        """[B, C, 2X, 2Y, 2Z] logits at full resolution: the slow reference of the methods below."""
        return self.by_voxel().dense()

    def gather(self, index: Tensor) -> Tensor:
        """Logits [N, C] of fine voxels, by their flat C-order index [N] into (B, 2X, 2Y, 2Z)."""
        _batch, z, count, x, y = self.features.shape
        parent, child = parent_and_child(index, (x, y, z))
        rows = self.features.permute(0, 3, 4, 1, 2).reshape(-1, count).index_select(0, parent)
        semantic, offsets = self.classify(rows.T[None])[0].T.tensor_split([-8], dim=1)
        return torch.cat([semantic[:, :1] + offsets.gather(1, child[:, None]), semantic[:, 1:]], dim=1)

    def decide(self) -> tuple[Tensor, Tensor]:
        """Labels and confidence [B, 2X, 2Y, 2Z] uint8."""
        if self.features.device.type != "cpu":
            scene = self.by_voxel()
            return scene.labels(), scene.confidence()
        from ssc_ros.networks.heads.decided_children import decide_columns  # compiles, so only where it is needed

        assert self.classify.bias is not None
        batch, z, _, x, y = self.features.shape
        labels, confidence = (torch.empty(batch, 2 * x, 2 * y, 2 * z, dtype=torch.uint8) for _ in range(2))
        features, weight, bias = (
            tensor.detach().float().contiguous() for tensor in (self.features, self.classify.weight, self.classify.bias)
        )
        for of_one in zip(features, labels.view(torch.uint16), confidence.view(torch.uint16), strict=True):
            seen, *written = (tensor.numpy() for tensor in of_one)
            decide_columns(seen, weight.numpy(), bias.numpy(), *written)
        return labels, confidence


class ColumnHead(nn.Module):
    """A volume, and measured voxels, -> `ColumnLogits` at twice the volume's resolution along x and y.

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

    def forward(self, volume: Tensor, measured: Tensor) -> ColumnLogits:
        """Predict.

        Args:
            volume: [B, channels, X, Y, Z].
            measured: [B, 8 sources, 2X, 2Y, Z] uint8, children as from `to_children` of each sensor.
        """
        flat, details = _layers_as_channels(volume), _layers_as_channels(measured.to(volume))
        columns = functional.relu(self.norm(_doubled(self.volume(flat)) + self.measured(details)))
        features = functional.relu(self.spread(self.body(columns)) + self.nearby(details) + _doubled(flat))
        return ColumnLogits(features.unflatten(1, (self.layers, -1)), self.logits)


def _layers_as_channels(volume: Tensor) -> Tensor:
    """[B, C, X, Y, Z] -> [B, Z C, X, Y]."""
    return volume.movedim(4, 1).flatten(1, 2)


def _doubled(plane: Tensor) -> Tensor:
    return functional.interpolate(plane, scale_factor=2.0, mode="bilinear", align_corners=False)
