"""The Lovasz-softmax loss."""

from __future__ import annotations

import torch
from torch import Tensor

from ssc_ros.losses.voxels import valid_voxels


def lovasz_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """Convex surrogate of 1 - IoU, averaged over the classes present (Berman et al. 2018, equations 8 to 11).

    Args:
        logits: (N, C) or (B, C, ...).
        target: (N,) or (B, ...) integer train ids, 255 ignored.

    Returns:
        Scalar in [0, 1]; 0 if no voxel is valid.
    """
    logits, target = valid_voxels(logits, target)
    if target.numel() == 0:
        return logits.sum()
    probability = logits.softmax(dim=1)
    losses = []
    for class_id in torch.unique(target).tolist():
        truth = (target == class_id).to(probability)
        errors, order = (truth - probability[:, class_id]).abs().sort(descending=True)
        losses.append(errors @ _jaccard_gradient(truth[order]))
    return torch.stack(losses).mean()


def _jaccard_gradient(truth: Tensor) -> Tensor:
    """Gradient of the Lovasz extension of the Jaccard loss at errors sorted downwards (Berman et al., algorithm 1).

    Args:
        truth: (N,) 0/1 float, in the order of falling error.

    Returns:
        (N,) float: the growth of the Jaccard loss as each voxel joins the set of mistakes.
    """
    total = truth.sum()
    intersection = total - truth.cumsum(0)
    union = total + (1.0 - truth).cumsum(0)
    jaccard = 1.0 - intersection / union
    return torch.diff(jaccard, prepend=jaccard.new_zeros(1))
