"""Binary cross entropy of "not empty" against "empty"."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ssc_ros.core import EMPTY, UNKNOWN


def occupancy_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over valid voxels of the cross entropy of sigmoid(logit), the probability of "not empty".

    Args:
        logits: (...).
        target: (...) integer train ids, 255 ignored.

    Returns:
        Scalar; 0 (with zero gradient) if no voxel is valid.
    """
    valid = target != UNKNOWN
    logits, occupied = logits[valid].float(), target[valid] != EMPTY
    if logits.numel() == 0:
        return logits.sum()
    return functional.binary_cross_entropy_with_logits(logits, occupied.to(logits))
