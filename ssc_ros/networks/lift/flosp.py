"""Lift by lines of sight (FLoSP, MonoScene, Cao and de Charette 2022): a voxel reads the image cell that it is seen in.

Any number of posed images take part, such as those of the past; a voxel gets the mean over those that see it (SGN).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import SceneGrid
from ssc_ros.networks.lift.depth_weighted import project_voxels
from ssc_ros.networks.lift.remembered import Remembered


class LineOfSightLift(nn.Module):
    """Image features at the pixel of each voxel centre, whatever the depth.

    Args:
        grid: the voxels to fill.
        image_size: (height, width) [px] of the images that the projections refer to.
        stride: [px] of the features; the image need not be a multiple of it.
    """

    def __init__(self, grid: SceneGrid, image_size: tuple[int, int], stride: int) -> None:
        super().__init__()
        self.grid, self.image_size, self.stride = grid, image_size, stride
        self._bags = Remembered[tuple[Tensor, Tensor]]()

    def forward(self, features: Tensor, projections: Tensor, valid: Tensor) -> Tensor:
        """Sample.

        Args:
            features: [B, F, C, h, w] of F images of each scene.
            projections: [B, F, 3, 4], grid frame [m] -> homogeneous pixel of each image.
            valid: [B, F] bool; an image that is not there is not read.

        Returns:
            [B, C, X, Y, Z]: the mean over the images that see a voxel, zero where none does.
        """
        batch, _images, channels, *size = features.shape
        cells, weights = self._bags(self._locate, projections, valid, tuple(size))
        table = features.movedim(2, -1).reshape(-1, channels).float()
        voxels = functional.embedding_bag(cells, table, per_sample_weights=weights, mode="sum")
        return voxels.reshape(batch, *self.grid.shape, channels).movedim(-1, 1)

    def _locate(self, projections: Tensor, valid: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Voxels as bags of one cell per image, flat in (B, F, h, w), and their weights: [B V, F] both."""
        batch, images = valid.shape
        height, width = size
        u, v, depth = project_voxels(projections.flatten(0, 1).float(), self.grid).flatten(1, 3).unbind(-1)
        rows, columns = self.image_size
        # a pixel's centre is an integer: its area, and so the image, begins half a pixel before it
        inside = (u >= -0.5) & (u < columns - 0.5) & (v >= -0.5) & (v < rows - 0.5) & (depth > 0)
        seen = inside & valid.reshape(-1, 1)
        column, row = (((at + 0.5) / self.stride).masked_fill(~seen, 0).long() for at in (u, v))
        image = torch.arange(batch * images, device=u.device)[:, None]
        cell = (image * height + row) * width + column
        cells, seen = (x.unflatten(0, (batch, images)).movedim(1, -1).reshape(-1, images) for x in (cell, seen))
        return cells, seen.float() / seen.sum(dim=1, keepdim=True).clamp(min=1)
