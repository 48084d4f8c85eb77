"""A sparse volume and back."""

from __future__ import annotations

import torch

from ssc_ros.networks.sparse.volume import SparseVolume

SHAPE = (7, 5, 4)


def test_there_and_back_is_the_masked_volume() -> None:
    mask = torch.rand(2, *SHAPE) < 0.4
    volume = torch.randn(2, 3, *SHAPE)
    sparse_volume = SparseVolume.from_dense(volume, mask)
    torch.testing.assert_close(sparse_volume.dense(), volume * mask[:, None])
    torch.testing.assert_close(sparse_volume.sites.coordinates, torch.nonzero(mask))
    leaf = volume.requires_grad_()
    SparseVolume.from_dense(leaf, mask).dense().sum().backward()
    torch.testing.assert_close(leaf.grad, mask[:, None].expand_as(volume).float())
