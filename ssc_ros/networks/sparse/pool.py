"""Pooling into blocks and columns of voxels, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from ssc_ros.networks.sparse.rulebook import surface_cells
from ssc_ros.networks.sparse.sites import Sites, Triple, cells_of, distinct_cells
from ssc_ros.networks.sparse.volume import SparseVolume


def block_mean(volume: SparseVolume, scale: int) -> SparseVolume:
    """Mean over the active voxels of each block of scale^3.

    Args:
        volume: [N, C].
        scale: voxels per block and axis; the last block of an axis may be cut off.

    Returns:
        [M, C] on the blocks that have an active voxel; the shape is rounded up.
    """
    blocks, parents = _parents(volume.sites, scale)
    features = volume.features
    # hundreds of voxels may share a block: single precision at least
    total = features.new_zeros(len(blocks), features.shape[1], dtype=torch.promote_types(features.dtype, torch.float32))
    total = total.index_add(0, parents, features.to(total))
    count = total.new_zeros(len(blocks)).index_add_(0, parents, total.new_ones(len(parents)))
    return SparseVolume((total / count[:, None]).to(features), blocks)


def block_max(volume: SparseVolume, scale: int) -> SparseVolume:
    """Maximum over the active voxels of each block of scale^3; arguments and sites as those of `block_mean`."""
    blocks, parents = _parents(volume.sites, scale)
    features = volume.features
    empty = features.new_zeros(len(blocks), features.shape[1])
    pooled = empty.scatter_reduce(0, parents[:, None].expand_as(features), features, "amax", include_self=False)
    return SparseVolume(pooled, blocks)


def height_max(volume: SparseVolume) -> Tensor:
    """[B, C, X, Y]: maximum over the active voxels above each other, zero where there is none.

    Args:
        volume: [N, C].
    """
    sites, features = volume.sites, volume.features
    x, y, z = sites.shape
    flat = features.new_zeros(sites.batch * x * y, features.shape[1])
    columns = (sites.cells // z)[:, None].expand_as(features)
    pooled = flat.scatter_reduce(0, columns, features, "amax", include_self=False)
    return pooled.unflatten(0, (sites.batch, x, y)).movedim(-1, 1)


def at_parents(coarse: SparseVolume, fine: Sites, scale: int) -> Tensor:
    """[N, C]: for each fine site the feature of the block that it was pooled into.

    Args:
        coarse: [M, C] on the sites that `block_mean` or `block_max` made of `fine`.
        fine: the N finer sites.
        scale: of that pooling.
    """
    blocks, parents = _parents(fine, scale)
    if blocks is not coarse.sites:
        raise ValueError(f"the coarse sites are not the blocks of {scale}^3 voxels of the fine ones")
    return coarse.features.index_select(0, parents)


def _parents(sites: Sites, scale: int) -> tuple[Sites, Tensor]:
    """The blocks that hold sites, and for each site the row [N] int64 of its block among them."""
    return sites.remember(("blocks", scale), lambda: _find_parents(sites, scale))


def _find_parents(sites: Sites, scale: int) -> tuple[Sites, Tensor]:
    x, y, z = (-(-n // scale) for n in sites.shape)
    shape: Triple = (x, y, z)
    if sites.cells.is_meta:
        return Sites(surface_cells(sites, (scale,) * 3, shape), shape, sites.batch), torch.empty_like(sites.cells)
    cells = cells_of(sites.coordinates // sites.cells.new_tensor([1, scale, scale, scale]), shape)
    blocks = Sites(distinct_cells(cells, sites.batch * x * y * z), shape, sites.batch)
    return blocks, blocks.rows.index_select(0, cells).long()
