"""Class logits of the points of a sweep, which are those of the cells that they fall into."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssc_ros.core import EMPTY
from ssc_ros.networks.sparse.sites import Sites


@dataclass(frozen=True)
class PointLogits:
    """Logits of the occupied cells of a batch of sweeps, and the cell of each point. Class 0 is "unlabelled": no
    network is trained to predict it, and it is never the label of a point.

    Attributes:
        cells: [M, C], a row for each occupied cell.
        sites: where these are, in (sample, range, azimuth, height).
        rows: [B, N] int64, the row of each point's cell; -1 for rows that are no point.
    """

    cells: Tensor
    sites: Sites
    rows: Tensor

    def dense(self) -> Tensor:
        """[B, N, C] logits of the points; zero for rows that are no point."""
        return self._at_points(self.cells)

    def probability(self) -> Tensor:
        """[B, N, C] float32 probabilities of the points; zero for rows that are no point."""
        return self._at_points(self.cells.float().softmax(dim=1))

    def labels(self) -> Tensor:
        """[B, N] uint8: the most probable class of each point; 0 for rows that are no point."""
        return self._at_points(best_class(self.cells)[1])

    def confidence(self) -> Tensor:
        """[B, N] float32: the probability of the label of `labels`; 0 for rows that are no point."""
        return self._at_points(best_class(self.cells.float().softmax(dim=1))[0])

    def truth(self, labels: Tensor) -> Tensor:
        """[M] int64: what most of the labelled points of each cell are, 0 where none is labelled.

        Args:
            labels: [B, N] uint8 train ids of the points, 0 where unlabelled. Of classes with as many points in a cell,
                it is the first.
        """
        classes = self.cells.shape[1]
        counted = (self.rows >= 0) & (labels != EMPTY)
        votes = torch.bincount(
            self.rows[counted] * classes + labels[counted], minlength=len(self.cells) * classes
        ).unflatten(0, (len(self.cells), classes))
        return votes.argmax(dim=1)

    def _at_points(self, values: Tensor) -> Tensor:
        """Values [M, ...] of the cells at the points, zero elsewhere."""
        return torch.cat([values, values.new_zeros(1, *values.shape[1:])])[self.rows]


def best_class(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Largest score [N] of a class, and the class [N] uint8; scores [N, C], of which "unlabelled" is left out."""
    best, index = scores[:, EMPTY + 1 :].max(dim=1)
    return best, (index + EMPTY + 1).to(torch.uint8)
