"""Ground truth at half resolution, by the rule that the published systems train with."""

from __future__ import annotations

import torch
from torch import Tensor

from ssc_ros.core import EMPTY, UNKNOWN
from ssc_ros.networks.heads.subvoxel import to_children


def halve_labels(labels: Tensor) -> Tensor:
    """One label for each block of 2 x 2 x 2 voxels, computed on the device of the labels.

    The most frequent occupied label of the block (ties: the smallest id); so one occupied voxel of eight makes the
    block occupied. A block without one is empty if most of it is known to be empty, else unknown (Roldao et al.
    2020, LMSCNet; the "1_2" labels of VoxFormer, SGN, L2COcc).

    Args:
        labels: [B, X, Y, Z] uint8 train ids, 255 unknown; even sizes.

    Returns:
        [B, X / 2, Y / 2, Z / 2] uint8.
    """
    children = to_children(labels)
    mostly_empty = (children == EMPTY).sum(dim=1) > (children == UNKNOWN).sum(dim=1)
    result = torch.where(mostly_empty, EMPTY, UNKNOWN).to(torch.uint8)

    occupied = ((children != EMPTY) & (children != UNKNOWN)).any(dim=1)
    crowded = children.movedim(1, -1)[occupied].int()
    votes = (crowded[:, :, None] == crowded[:, None]).sum(dim=2)
    # most votes first, then the smallest id; those that are nothing in particular have none
    rank = 256 * votes + UNKNOWN - crowded
    best = rank.masked_fill((crowded == EMPTY) | (crowded == UNKNOWN), -1).argmax(dim=1, keepdim=True)
    result[occupied] = crowded.gather(1, best)[:, 0].to(torch.uint8)
    return result
