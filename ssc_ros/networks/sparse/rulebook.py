"""Which input row meets which output row under each tap of a kernel.

Nothing is looked up by sorting: a dense grid of row numbers answers for all sites and taps at once. On the meta device
there is nothing to look up, and documented shares stand for the counts, see `NEIGHBORS` and `surface_cells`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ssc_ros.networks.sparse.sites import Sites, Triple, cells_of, distinct_cells, row_grid

NEIGHBORS = 1 / 3
"""Share of the taps beside the centre that find an active voxel, assumed on the meta device: street scenes of 20,000
and 60,000 voxels have 7.6 and 9.0 of 27 taps, the centre included."""


@dataclass(frozen=True)
class Rulebook:
    """Pairs of rows, sorted by tap; a tap meets an output row at most once.

    Attributes:
        sources: [P] int64 rows of the input.
        targets: [P] int64 rows of the output.
        counts: pairs of each tap, which add up to P.
        in_rows, out_rows: how many rows there are.
        identity: the tap that meets each row with itself, and has no pairs here; None if there is no such tap.
    """

    sources: Tensor
    targets: Tensor
    counts: tuple[int, ...]
    in_rows: int
    out_rows: int
    identity: int | None = None

    def taps(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The taps that have pairs, with their sources and targets."""
        parts = zip(self.sources.split(self.counts), self.targets.split(self.counts), strict=True)
        for tap, (sources, targets) in enumerate(parts):
            if len(sources):
                yield tap, sources, targets

    @cached_property
    def table(self) -> tuple[Tensor, Tensor]:
        """As spconv has it: [2, taps, n] int32 sources and targets, filled up by -1, and [taps] int32 counts."""
        counts = torch.tensor(self.counts, device=self.sources.device)
        tap = torch.repeat_interleave(counts, output_size=len(self.sources))
        place = torch.arange(len(tap), device=tap.device) - (counts.cumsum(0) - counts)[tap]
        pairs = counts.new_full((2, len(counts), max(self.counts)), -1, dtype=torch.int32)
        pairs[:, tap, place] = torch.stack([self.sources, self.targets]).int()
        return pairs, counts.int()

    @cached_property
    def places(self) -> Tensor:
        """[taps, out_rows] int32, which of the pairs a tap has for an output; -1 where it has none."""
        counts = torch.tensor(self.counts, device=self.sources.device)
        tap = torch.repeat_interleave(counts, output_size=len(self.sources))
        places = counts.new_full((len(counts), self.out_rows), -1, dtype=torch.int32)
        places[tap, self.targets] = torch.arange(len(tap), device=tap.device, dtype=torch.int32)
        return places

    def groups(self, size: int) -> Iterator[tuple[slice, slice]]:
        """Taps, and their pairs: as many taps at once as have no more than `size` pairs, but one at least."""
        first = begin = end = 0
        for tap, count in enumerate(self.counts):
            if end > begin and end + count - begin > size:
                yield slice(first, tap), slice(begin, end)
                first, begin = tap, end
            end += count
        if end > begin:
            yield slice(first, len(self.counts)), slice(begin, end)

    def reversed(self) -> Rulebook:
        """From the outputs to the inputs by the same taps."""
        return Rulebook(self.targets, self.sources, self.counts, self.out_rows, self.in_rows, self.identity)


def submanifold_rulebook(sites: Sites, kernel: Triple) -> Rulebook:
    """Of a convolution whose outputs are the sites of its inputs; built once per kernel.

    Args:
        sites: active voxels.
        kernel: taps per axis, odd.
    """
    return sites.remember(("submanifold", kernel), lambda: _submanifold(sites, kernel))


def _submanifold(sites: Sites, kernel: Triple) -> Rulebook:
    count = len(sites)
    half = math.prod(kernel) // 2  # taps are symmetric about the centre: those behind it swap inputs and outputs
    if sites.cells.is_meta:
        counts = (round(NEIGHBORS * count),) * half
        sources = targets = sites.cells.new_empty(sum(counts))
    else:
        margin = [k // 2 for k in kernel]
        # a margin of inactive voxels before each row, so that a tap is one and the same step for all sites
        wide = [n + m for n, m in zip(sites.shape, margin, strict=True)]
        at = cells_of(sites.coordinates + sites.cells.new_tensor([0, *margin]), (wide[0], wide[1], wide[2]))
        taps = torch.cartesian_prod(*(torch.arange(-m, m + 1) for m in margin))[:half]
        steps = (taps * torch.tensor([wide[1] * wide[2], wide[2], 1])).sum(dim=1).to(at.device)
        neighbors = row_grid(at, sites.batch * math.prod(wide))[at + steps[:, None]]
        found = neighbors >= 0
        tap, targets = torch.nonzero(found, as_tuple=True)
        sources, counts = neighbors[tap, targets].long(), tuple(found.sum(dim=1).tolist())
    before = [*sources.split(counts)], [*targets.split(counts)]
    return Rulebook(
        torch.cat([sources, *reversed(before[1])]),
        torch.cat([targets, *reversed(before[0])]),
        (*counts, 0, *reversed(counts)),
        count,
        count,
        identity=half,
    )


def strided_rulebook(sites: Sites, kernel: Triple, stride: Triple) -> tuple[Sites, Rulebook]:
    """Of a convolution with stride: its coarser sites, those whose window holds an active voxel; built once.

    Args:
        sites: active voxels of the input.
        kernel: taps per axis. The input is padded by (kernel - 1) // 2 on both sides.
        stride: steps per axis.
    """
    return sites.remember(("strided", kernel, stride), lambda: _strided(sites, kernel, stride))


def _strided(sites: Sites, kernel: Triple, stride: Triple) -> tuple[Sites, Rulebook]:
    padding = [(k - 1) // 2 for k in kernel]
    per_axis = zip(sites.shape, kernel, stride, padding, strict=True)
    x, y, z = ((n + 2 * p - k) // s + 1 for n, k, s, p in per_axis)
    shape = (x, y, z)
    taps = math.prod(kernel)
    if sites.cells.is_meta:
        coarse = Sites(surface_cells(sites, stride, shape), shape, sites.batch)
        # of `stride` voxels in a row, one is met by a given tap
        counts = (math.ceil(len(sites) / math.prod(stride)),) * taps
        rows = sites.cells.new_empty(sum(counts))
        return coarse, Rulebook(rows, rows, counts, len(sites), len(coarse))

    # output o meets input i under tap k where o stride - padding + k = i; each axis by itself, [taps of it, N]
    sample, *coordinates = sites.coordinates.unbind(1)
    met, cells = sample.new_ones(1, len(sites), dtype=torch.bool), sample[None]
    for i, k, s, p, n in zip(coordinates, kernel, stride, padding, shape, strict=True):
        reached = i + p - torch.arange(k, device=i.device)[:, None]
        within = (reached >= 0) & (reached % s == 0) & (reached < s * n)
        met = (met[:, None] & within).flatten(0, 1)
        cells = (cells[:, None] * n + reached // s).flatten(0, 1)
    tap, sources = torch.nonzero(met, as_tuple=True)
    cells = cells[tap, sources]
    coarse = Sites(distinct_cells(cells, sites.batch * math.prod(shape)), shape, sites.batch)
    targets = coarse.rows.index_select(0, cells).long()
    return coarse, Rulebook(sources, targets, tuple(met.sum(dim=1).tolist()), len(sites), len(coarse))


def surface_cells(sites: Sites, scale: Triple, shape: Triple) -> Tensor:
    """Cells of a coarser grid as the meta device knows them: a surface has one for each scale^2 voxels.

    Args:
        sites: active voxels, on the meta device.
        scale: voxels per cell and axis.
        shape: (X, Y, Z) of the coarser grid.
    """
    count = math.ceil(len(sites) / math.prod(scale) ** (2 / 3))
    return sites.cells.new_empty(min(count, sites.batch * math.prod(shape)))
