"""Which voxels of a batch of volumes are active, and what is derived from that once."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

Triple = tuple[int, int, int]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Sites:
    """Active voxels of a batch of volumes: distinct, in C order of (sample, x, y, z).

    Volumes with the same active voxels share one object, because it keeps what convolutions derive from it
    (`remember`); two objects are never equal. It lives as long as the volumes of one forward pass.

    Attributes:
        cells: [N] int64, ascending: ((sample X + x) Y + y) Z + z.
        shape: (X, Y, Z) of the volumes.
        batch: how many volumes.
    """

    cells: Tensor
    shape: Triple
    batch: int
    _known: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    @staticmethod
    def of_mask(mask: Tensor) -> Sites:
        """The true voxels of [B, X, Y, Z] bool."""
        batch, x, y, z = mask.shape
        return Sites(torch.nonzero(mask.flatten())[:, 0], (x, y, z), batch)

    @staticmethod
    def holding(cells: Tensor, shape: Triple, batch: int) -> tuple[Sites, Tensor]:
        """The voxels that hold points.

        Args:
            cells: [P] int64 flat (sample, x, y, z) index of each point's voxel; as often as it has points.
            shape, batch: of the volumes.

        Returns:
            The sites, and for each point the row [P] int64 of its voxel among them.
        """
        if cells.is_meta:  # how many are distinct is for the caller's dispatch mode to say
            distinct, rows = torch.unique(cells, return_inverse=True)
            return Sites(distinct, shape, batch), rows
        sites = Sites(distinct_cells(cells, batch * math.prod(shape)), shape, batch)
        return sites, sites.rows.index_select(0, cells).long()

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def size(self) -> int:
        """Voxels of one volume, active or not."""
        return math.prod(self.shape)

    @property
    def coordinates(self) -> Tensor:
        """[N, 4] int64: sample, x, y, z."""
        return self.remember("coordinates", lambda: coordinates_of(self.cells, self.shape))

    @property
    def rows(self) -> Tensor:
        """[B X Y Z] int32: the row of each voxel among the sites, -1 where it is not active."""
        return self.remember("rows", lambda: row_grid(self.cells, self.batch * self.size))

    def remember(self, key: Hashable, derive: Callable[[], T]) -> T:
        """What `derive` returned when it was first called for that key."""
        if key not in self._known:
            self._known[key] = derive()
        known: T = self._known[key]
        return known


def coordinates_of(cells: Tensor, shape: Triple) -> Tensor:
    """[N, 4] (sample, x, y, z) of flat indices [N]."""
    _, y, z = shape
    return torch.stack([cells // math.prod(shape), cells // (y * z) % shape[0], cells // z % y, cells % z], dim=1)


def cells_of(coordinates: Tensor, shape: Triple) -> Tensor:
    """[...] flat indices of coordinates [..., 4] (sample, x, y, z)."""
    sample, x, y, z = coordinates.unbind(-1)
    return ((sample * shape[0] + x) * shape[1] + y) * shape[2] + z


def distinct_cells(cells: Tensor, count: int) -> Tensor:
    """[N] the values of `cells`, each once and ascending; all are below `count`. Not on the meta device."""
    present = torch.zeros(count, dtype=torch.bool, device=cells.device)
    return torch.nonzero(present.index_fill_(0, cells, True))[:, 0]


def row_grid(cells: Tensor, count: int) -> Tensor:
    """[count] int32: the position of each value in `cells`, -1 for those that are not in it."""
    rows = torch.full((count,), -1, dtype=torch.int32, device=cells.device)
    return rows.index_copy_(0, cells, torch.arange(len(cells), dtype=torch.int32, device=cells.device))
