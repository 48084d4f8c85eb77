"""What is looked up once, how many pairs there are, and what the meta device takes for them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ssc_ros.core import SceneGrid
from ssc_ros.networks.sparse import rulebook as rulebooks
from ssc_ros.networks.sparse.conv import InverseConv3d, SparseConv3d, SubmanifoldConv3d
from ssc_ros.networks.sparse.norm import SiteBatchNorm
from ssc_ros.networks.sparse.pool import at_parents, block_max, block_mean
from ssc_ros.networks.sparse.rulebook import NEIGHBORS, strided_rulebook, submanifold_rulebook
from ssc_ros.networks.sparse.sites import Sites
from ssc_ros.networks.sparse.volume import SparseVolume
from ssc_ros.profiling.summary import summarize
from ssc_ros.systems import InputSpec, SceneInputs, SceneNetwork, SceneOutput
from ssc_ros.systems.dry_run import PROPOSALS

GRID = SceneGrid((0, 0, 0), 0.2, (256, 256, 32))


def random_sites(share: float = 0.3, shape: tuple[int, int, int] = (6, 5, 4), batch: int = 2) -> Sites:
    generator = torch.Generator().manual_seed(0)
    return Sites.of_mask(torch.rand(batch, *shape, generator=generator) < share)


def pairs_of(rulebook: rulebooks.Rulebook) -> list[tuple[int, int, int]]:
    """(tap, source, target), those of the identity included."""
    found = [
        (tap, i, o)
        for tap, sources, targets in rulebook.taps()
        for i, o in zip(sources.tolist(), targets.tolist(), strict=True)
    ]
    if rulebook.identity is not None:
        found += [(rulebook.identity, i, i) for i in range(rulebook.in_rows)]
    return found


def pairs_by_loops(
    fine: Sites, coarse: Sites, kernel: tuple[int, ...], stride: tuple[int, ...]
) -> set[tuple[int, int, int]]:
    """Output o reads input o stride - (kernel - 1) // 2 + tap."""
    rows = {tuple(at): row for row, at in enumerate(fine.coordinates.tolist())}
    taps = list(itertools.product(*map(range, kernel)))
    found = set()
    for target, (sample, *at) in enumerate(coarse.coordinates.tolist()):
        for tap, step in enumerate(taps):
            read = [o * s - (k - 1) // 2 + t for o, s, k, t in zip(at, stride, kernel, step, strict=True)]
            source = rows.get((sample, *read))
            if source is not None:
                found.add((tap, source, target))
    return found


@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 3, 5)])
def test_submanifold_pairs_equal_a_loop_over_sites_and_taps(kernel: tuple[int, int, int]) -> None:
    sites = random_sites()
    pairs = pairs_of(submanifold_rulebook(sites, kernel))
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == pairs_by_loops(sites, sites, kernel, (1, 1, 1))


@pytest.mark.parametrize(("kernel", "stride"), [((3, 3, 3), (2, 2, 2)), ((2, 3, 3), (2, 2, 1))])
def test_strided_pairs_equal_a_loop_over_sites_and_taps(
    kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> None:
    sites = random_sites()
    coarse, rulebook = strided_rulebook(sites, kernel, stride)
    pairs = pairs_of(rulebook)
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == pairs_by_loops(sites, coarse, kernel, stride)
    assert {(tap, i, o) for tap, o, i in pairs_of(rulebook.reversed())} == set(pairs)


@pytest.mark.parametrize("stride", [None, (2, 2, 2)])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_the_table_has_the_same_pairs(stride: tuple[int, int, int] | None, share: float) -> None:
    sites, kernel = random_sites(share), (3, 3, 3)
    rulebook = strided_rulebook(sites, kernel, stride)[1] if stride else submanifold_rulebook(sites, kernel)
    table, counts = rulebook.table
    assert table.dtype == counts.dtype == torch.int32
    assert counts.tolist() == list(rulebook.counts)
    assert ((table >= 0).sum(dim=2) == counts).all()
    rows = [part[part >= 0] for part in table]
    torch.testing.assert_close(rows, [rulebook.sources.int(), rulebook.targets.int()])


def test_an_output_finds_its_pairs() -> None:
    rulebook = strided_rulebook(random_sites(), (3, 3, 3), (2, 2, 2))[1]
    places = rulebook.places
    assert places.shape == (27, rulebook.out_rows)
    found = [(tap, rulebook.sources[place].item(), o) for (tap, o), place in np.ndenumerate(places) if place >= 0]
    assert len(found) == len(rulebook.sources)
    assert set(found) == set(pairs_of(rulebook))


@pytest.mark.parametrize("size", [0, 40, 100, 10**6])
def test_groups_of_taps_hold_all_pairs_once(size: int) -> None:
    rulebook = submanifold_rulebook(random_sites(), (3, 3, 3))
    groups = list(rulebook.groups(size))
    counts = rulebook.counts
    assert [pair for _, pairs in groups for pair in range(pairs.start, pairs.stop)] == list(range(sum(counts)))
    for taps, pairs in groups:
        assert pairs.start == sum(counts[: taps.start])
        assert sum(counts[taps]) == pairs.stop - pairs.start
        assert pairs.stop - pairs.start <= size or sum(n > 0 for n in counts[taps]) == 1
    assert len(groups) == {0: sum(n > 0 for n in counts), 10**6: 1}.get(size, len(groups))


def test_each_kernel_is_looked_up_once_per_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    for name in ("_submanifold", "_strided"):
        build = getattr(rulebooks, name)
        monkeypatch.setattr(rulebooks, name, lambda *args, build=build: built.append(args[1:]) or build(*args))
    sites = random_sites()
    volume = SparseVolume(torch.randn(len(sites), 3), sites)
    for _ in range(3):
        volume = SubmanifoldConv3d(3, 3)(SubmanifoldConv3d(3, 3, (1, 3, 3))(volume))
    coarse, again = SparseConv3d(3, 3)(volume), SparseConv3d(3, 3)(volume)
    assert coarse.sites is again.sites
    InverseConv3d(3, 3)(coarse, volume.sites)
    assert built == [((1, 3, 3),), ((3, 3, 3),), ((3, 3, 3), (2, 2, 2))]


class Sparse(SceneNetwork):
    """One of each operation at the proposed voxels."""

    def __init__(self) -> None:
        super().__init__(InputSpec(grid=GRID), 3)
        self.fine = SubmanifoldConv3d(8, 16)
        self.norm = SiteBatchNorm(16)
        self.coarse = SparseConv3d(16, 32)
        self.back = InverseConv3d(32, 16)
        self.pooled = nn.Linear(16, 4)

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        voxels = inputs["stereo_voxels"]
        fine = self.fine(SparseVolume.from_dense(voxels.float(), voxels.any(dim=1)))
        fine = fine.replaced(self.norm(fine.features))
        coarse = self.coarse(fine)
        back = self.back(coarse, fine.sites)
        pooled = self.pooled(block_mean(fine, 2).features)
        parents = at_parents(block_max(back, 4), fine.sites, 4)
        return SceneOutput(None, image=back.replaced(parents).dense(), depth=(fine, coarse, pooled))


def test_networks_with_sparse_layers_are_counted_without_data() -> None:
    rows = {row.name: row for row in summarize(Sparse)}
    beside = 26 * round(NEIGHBORS * PROPOSALS)
    assert rows["fine"].flops == 2 * (PROPOSALS + beside) * 8 * 16
    # a window of 3 at a stride of 2: each voxel lies in 1.5 windows per axis
    met = 27 * math.ceil(PROPOSALS / 8)
    assert met == pytest.approx(1.5**3 * PROPOSALS, rel=1e-3)
    assert rows["coarse"].flops == rows["back"].flops == 2 * met * 16 * 32
    blocks = math.ceil(PROPOSALS / 4)
    assert rows["pooled"].flops == 2 * blocks * 16 * 4
    assert rows["pooled"].outputs == ((blocks, 4),)
    assert (1, 16, 128, 128, 16) in rows[""].outputs


def test_existing_pairs_alone_are_counted() -> None:
    sites = random_sites()
    volume, layer = SparseVolume(torch.randn(len(sites), 3), sites), SubmanifoldConv3d(3, 4)
    pairs = len(pairs_by_loops(sites, sites, (3, 3, 3), (1, 1, 1)))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        layer(volume)
    assert counter.get_total_flops() == 2 * pairs * 3 * 4
    with FlopCounterMode(display=False) as counter:
        layer(volume.replaced(volume.features.requires_grad_())).features.sum().backward()
    assert counter.get_total_flops() == 3 * 2 * pairs * 3 * 4
