"""Blocks of voxels: their means, maxima and the way back, against loops over voxels."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from ssc_ros.networks.sparse.pool import at_parents, block_max, block_mean, height_max
from ssc_ros.networks.sparse.volume import SparseVolume

SHAPE = (7, 5, 4)


def sparse(
    share: float = 0.3, batch: int = 2, channels: int = 3, seed: int = 0, shape: tuple[int, int, int] = SHAPE
) -> tuple[SparseVolume, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(batch, *shape, generator=generator) < share
    volume = torch.randn(batch, channels, *shape, generator=generator, dtype=torch.float64)
    return SparseVolume.from_dense(volume, mask), mask


def by_loops(
    volume: SparseVolume, mask: torch.Tensor, scale: int, pool: Callable[[torch.Tensor], torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Dense result and which blocks it has."""
    dense = volume.dense()
    shape = [-(-n // scale) for n in SHAPE]
    result, present = torch.zeros(2, 3, *shape, dtype=dense.dtype), torch.zeros(2, *shape, dtype=torch.bool)
    for b, x, y, z in itertools.product(range(2), *map(range, shape)):
        block = tuple(slice(i * scale, (i + 1) * scale) for i in (x, y, z))
        inside = dense[b][(slice(None), *block)][:, mask[b][block]]
        if inside.shape[1]:
            result[b, :, x, y, z], present[b, x, y, z] = pool(inside), True
    return result, present


@settings(max_examples=8, deadline=None)
@given(st.integers(2, 8), st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.integers(0, 10**6))
def test_pooling_equals_a_loop_over_the_blocks(scale: int, share: float, seed: int) -> None:
    volume, mask = sparse(share, seed=seed)
    for ours, pool in ((block_mean, lambda v: v.mean(1)), (block_max, lambda v: v.amax(1))):
        pooled = ours(volume, scale)
        expected, present = by_loops(volume, mask, scale, pool)
        torch.testing.assert_close(pooled.dense(), expected)
        torch.testing.assert_close(pooled.sites.coordinates, torch.nonzero(present))


def test_each_site_finds_the_block_that_holds_it() -> None:
    volume, _ = sparse()
    pooled = block_mean(volume, 3)
    dense = pooled.dense()
    for (b, x, y, z), feature in zip(volume.sites.coordinates, at_parents(pooled, volume.sites, 3), strict=True):
        torch.testing.assert_close(feature, dense[b, :, x // 3, y // 3, z // 3])


def test_pooled_twice_is_pooled_by_the_product() -> None:
    volume, _ = sparse()
    torch.testing.assert_close(block_max(block_max(volume, 2), 2).dense(), block_max(volume, 4).dense())


def test_a_constant_stays() -> None:
    volume, _ = sparse()
    constant = volume.replaced(torch.full_like(volume.features, 0.3))
    for pool in (block_mean, block_max):
        torch.testing.assert_close(at_parents(pool(constant, 4), volume.sites, 4), constant.features)


@pytest.mark.parametrize("pool", [block_mean, block_max])
def test_gradcheck(pool: Callable[[SparseVolume, int], SparseVolume]) -> None:
    volume, _ = sparse(shape=(4, 3, 2), channels=2)

    def there_and_back(features: torch.Tensor) -> torch.Tensor:
        return at_parents(pool(volume.replaced(features), 2), volume.sites, 2)

    assert gradcheck(there_and_back, (volume.features.requires_grad_(),))


@pytest.mark.parametrize("pool", [block_mean, block_max])
def test_the_blocks_are_found_once(pool: Callable[[SparseVolume, int], SparseVolume]) -> None:
    volume, _ = sparse()
    assert pool(volume, 2).sites is block_mean(volume, 2).sites


@pytest.mark.parametrize("scale", [2, 3])
def test_foreign_blocks_are_refused(scale: int) -> None:
    volume, _ = sparse()
    with pytest.raises(ValueError, match=rf"{scale}\^3"):
        at_parents(block_mean(volume, 4), volume.sites, scale)


def test_half_precision_is_summed_in_single() -> None:
    ones = torch.ones(1, 1, 32, 32, 32, dtype=torch.bfloat16)
    volume = SparseVolume.from_dense(ones, torch.ones(1, 32, 32, 32, dtype=torch.bool))
    pooled = block_mean(volume, 32)  # bfloat16 cannot count beyond 256
    assert pooled.features.dtype == torch.bfloat16
    assert pooled.features.item() == 1


def test_the_maximum_over_heights_is_the_dense_one() -> None:
    torch.manual_seed(0)
    mask = torch.rand(2, 5, 6, 4) < 0.2
    dense = torch.where(mask[:, None], torch.randn(2, 3, 5, 6, 4), -torch.inf)
    volume = SparseVolume.from_dense(dense, mask)
    expected = torch.where(mask.any(dim=-1)[:, None], dense.amax(dim=-1), 0.0)
    torch.testing.assert_close(height_max(volume), expected)
