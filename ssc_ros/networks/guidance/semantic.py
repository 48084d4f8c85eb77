"""Sparse semantic guidance: what is known best is looked at closest, and the rest of the volume follows (SGN)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.networks.guidance.multi_scale import MultiScaleFusion, SparseResidualBlock
from ssc_ros.networks.sparse.pool import at_parents, block_max
from ssc_ros.networks.sparse.volume import SparseVolume

FEWEST = 2
"""Seeds below which a scene has none: a batch norm needs two."""


def choose_seeds(*candidates: Tensor) -> Tensor:
    """Of each scene, the first of the candidates that has seeds; where none has, all voxels.

    Args:
        candidates: [B, X, Y, Z] bool each, the best first.

    Returns:
        [B, X, Y, Z] bool, at least `FEWEST` in each scene.
    """
    chosen = torch.ones_like(candidates[0])
    for candidate in reversed(candidates):
        enough = candidate.flatten(1).sum(dim=1) >= FEWEST
        chosen = torch.where(enough[:, None, None, None], candidate, chosen)
    return chosen


class SeedRefinement(nn.Module):
    """SGB, seeds at their own and at half the resolution, each with its surroundings, and joined."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fine, self.fine_context = _level(channels)
        self.coarse, self.coarse_context = _level(channels)
        self.merge = nn.Linear(3 * channels, channels)

    def forward(self, seeds: SparseVolume) -> SparseVolume:
        """[N, C] -> the same on the same sites."""
        fine = self.fine_context(self.fine(seeds))
        coarse = self.coarse_context(self.coarse(block_max(fine, 2)))
        levels = [seeds.features, fine.features, at_parents(coarse, seeds.sites, 2)]
        return seeds.replaced(self.merge(torch.cat([level.to(fine.features) for level in levels], dim=1)))


def _level(channels: int) -> tuple[SparseResidualBlock, MultiScaleFusion]:
    return SparseResidualBlock(channels, channels), MultiScaleFusion(channels, channels, channels)


class SemanticGuidance(nn.Module):
    """Refine the seeds, which learn their classes, and fill all other voxels by a projection of their own features.

    Args:
        channels: of the volume.
        classes: that the seeds are told apart by, in training.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.block = SeedRefinement(channels)
        self.classes = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, classes))
        self.fill = nn.Sequential(
            nn.Linear(channels, channels // 2),
            nn.LayerNorm(channels // 2),
            nn.LeakyReLU(),
            nn.Linear(channels // 2, channels),
        )

    def forward(self, volume: Tensor, seeds: Tensor) -> tuple[Tensor, SparseVolume]:
        """Refine.

        Args:
            volume: [B, C, X, Y, Z].
            seeds: [B, X, Y, Z] bool, two or more.

        Returns:
            [B, C, X, Y, Z], and the refined seeds [N, C], whose classes `classes` tells.
        """
        refined = self.block(SparseVolume.from_dense(volume, seeds))
        filled = self.fill(volume.movedim(1, -1).flatten(0, -2))
        filled = filled.index_copy(0, refined.sites.cells, refined.features.to(filled))
        return filled.reshape(len(volume), *refined.sites.shape, -1).movedim(-1, 1).contiguous(), refined
