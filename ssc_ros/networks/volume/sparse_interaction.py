"""Sparse semantic interaction (VLScene): a U-Net on the voxels that matter."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.networks.sparse.sites import Sites
from ssc_ros.networks.sparse.unet import SparseUNet
from ssc_ros.networks.sparse.volume import SparseVolume


def strongest(volume: Tensor, fraction: float) -> Tensor:
    """The voxels of the largest features.

    Args:
        volume: [B, C, X, Y, Z].
        fraction: of each sample's voxels, the same number in all of them.

    Returns:
        [B, K] int64, ascending: flat indices into (X, Y, Z) of those with the largest sums of absolute values.
    """
    strength = volume.detach().flatten(2).abs().sum(dim=1, dtype=torch.float32)
    count = max(1, round(fraction * strength.shape[1]))
    return strength.topk(count, sorted=False).indices.sort(dim=1).values


def take(volume: Tensor, chosen: Tensor) -> SparseVolume:
    """The voxels [B, K] of [B, C, X, Y, Z], as `strongest` chooses them."""
    batch, channels, x, y, z = volume.shape
    first = x * y * z * torch.arange(batch, device=chosen.device)[:, None]
    # gathered channel by channel: a row for each voxel would take a transposed copy of the volume
    features = volume.flatten(2).gather(2, chosen[:, None].expand(-1, channels, -1))
    return SparseVolume(features.transpose(1, 2).flatten(0, 1), Sites((chosen + first).flatten(), (x, y, z), batch))


def add(volume: Tensor, chosen: Tensor, features: Tensor) -> Tensor:
    """[B, C, X, Y, Z] with [B K, C] features added at the voxels [B, K]."""
    rows = features.to(volume).unflatten(0, chosen.shape).transpose(1, 2)
    return volume.flatten(2).scatter_add(2, chosen[:, None].expand_as(rows), rows).view_as(volume)


class SparseInteraction(nn.Module):
    """A network on the strongest voxels of a volume.

    The published one takes every voxel that is not zero, which are three quarters of them.

    Args:
        network: on features [N, C] of the sites.
        fraction: of the voxels that it sees.
        merge: [N, O] -> [N, C], added to the volume; without it, as published, all other voxels become zero.
    """

    def __init__(self, network: SparseUNet, fraction: float, merge: nn.Module | None = None) -> None:
        super().__init__()
        self.network, self.fraction, self.merge = network, fraction, merge

    def forward(self, volume: Tensor) -> Tensor:
        """[B, C, X, Y, Z] -> [B, O, X, Y, Z], or C channels with `merge`."""
        chosen = strongest(volume, self.fraction)
        refined = self.network(take(volume, chosen))
        return refined.dense() if self.merge is None else add(volume, chosen, self.merge(refined.features))
