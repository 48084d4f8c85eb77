"""Features on the active voxels of a batch of volumes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ssc_ros.networks.sparse.sites import Sites


@dataclass(frozen=True)
class SparseVolume:
    """Features of active voxels; all others are zero.

    Attributes:
        features: [N, C], a row for each site.
        sites: the active voxels.
    """

    features: Tensor
    sites: Sites

    @staticmethod
    def from_dense(volume: Tensor, mask: Tensor) -> SparseVolume:
        """The features of [B, C, X, Y, Z] where [B, X, Y, Z] bool is true."""
        return SparseVolume.at(volume, Sites.of_mask(mask))

    @staticmethod
    def at(volume: Tensor, sites: Sites) -> SparseVolume:
        """The features of [B, C, X, Y, Z] at sites."""
        return SparseVolume(volume.flatten(2).transpose(1, 2).flatten(0, 1).index_select(0, sites.cells), sites)

    def replaced(self, features: Tensor) -> SparseVolume:
        """Other features [N, C'] on the same sites."""
        return SparseVolume(features, self.sites)

    def dense(self) -> Tensor:
        """[B, C, X, Y, Z], zero elsewhere."""
        sites = self.sites
        empty = self.features.new_zeros(sites.batch * sites.size, self.features.shape[1])
        filled = empty.index_copy(0, sites.cells, self.features).unflatten(0, (sites.batch, sites.size))
        return filled.transpose(1, 2).unflatten(2, sites.shape).contiguous()
