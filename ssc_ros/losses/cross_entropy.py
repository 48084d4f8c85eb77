"""Class-weighted cross entropy."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ssc_ros.losses.voxels import valid_voxels


def weighted_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Cross entropy as the weighted mean over valid voxels: the sum of w_t (-ln p_t) over the sum of w_t.

    Only the ratios of the weights matter in this convention (MonoScene, Cao and de Charette 2022; L2COcc).

    Args:
        logits: (N, C) or (B, C, ...).
        target: (N,) or (B, ...) integer train ids, 255 ignored.
        weight: (C,) positive class weights, or None for equal ones.

    Returns:
        Scalar; 0 (with zero gradient) if no voxel is valid.
    """
    logits, target = valid_voxels(logits, target)
    if target.numel() == 0:
        return logits.sum()
    return functional.cross_entropy(logits, target, weight)
