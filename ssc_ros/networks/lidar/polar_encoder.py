"""A small network per point, then the maximum per cell or pillar: what PolarNet and Cylinder3D begin with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssc_ros.networks.lidar.polar_cells import FEATURES, PolarCells, point_features
from ssc_ros.networks.sparse.norm import SiteBatchNorm

CHUNK = 32_768
"""Points that are encoded at a time in evaluation, which bounds the memory by this number and not by the sweep's."""


class PolarPointEncoder(nn.Module):
    """Points -> [M, out_channels], a row for each of M groups of them.

    All points of a group count, whatever their number; the published PolarNet takes 256 at random.

    Args:
        widths: channels of the layers on points, the last being that of the maximum.
        out_channels: channels of the result.
    """

    def __init__(self, widths: Sequence[int], out_channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [SiteBatchNorm(FEATURES)]
        *hidden, pooled = widths
        for a, b in itertools.pairwise((FEATURES, *hidden)):
            layers += [nn.Linear(a, b), SiteBatchNorm(b), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden[-1], pooled))
        self.compress = nn.Sequential(nn.Linear(pooled, out_channels), nn.ReLU(inplace=True))
        self.pooled = pooled

    def forward(self, cells: PolarCells, group: Tensor, count: int) -> Tensor:
        """Encode.

        Args:
            cells: the points.
            group: [n] int64, the group of each point.
            count: M, the number of groups; each has a point.

        Returns:
            [M, out_channels].
        """
        if self.training:
            # group by group: there, what a maximum came from is found five times as fast as by scattered rows
            encoded = self.layers(point_features(cells.points[group.argsort()], cells.grid))
            lengths = torch.bincount(group, minlength=count)
            pooled = torch.segment_reduce(encoded, "max", lengths=lengths, unsafe=True)  # its checks fail for no points
        else:
            pooled = self._pooled_by_chunks(cells, group, count)
        result: Tensor = self.compress(pooled)
        return result

    def _pooled_by_chunks(self, cells: PolarCells, group: Tensor, count: int) -> Tensor:
        """As in training, by pieces of the sweep: a maximum does not mind their order."""
        pooled = None
        for points, rows in zip(cells.points.split(CHUNK), group.split(CHUNK), strict=True):
            encoded = self.layers(point_features(points, cells.grid))
            pooled = encoded.new_full((count, self.pooled), -torch.inf) if pooled is None else pooled
            pooled.scatter_reduce_(0, rows[:, None].expand_as(encoded), encoded, "amax")
        assert pooled is not None  # no points are one empty piece
        return pooled
