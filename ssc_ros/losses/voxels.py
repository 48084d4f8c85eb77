"""The valid voxels of a prediction: what every segmentation loss starts from."""

from __future__ import annotations

import torch
from torch import Tensor

from ssc_ros.core import UNKNOWN


def valid_voxels(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Flatten a prediction and drop the voxels without truth.

    Args:
        logits: (N, C) or (B, C, ...) floating.
        target: (N,) or (B, ...) integer train ids, `UNKNOWN` (255) where there is no truth.

    Returns:
        logits (M, C) float32 and targets (M,) int64 of the valid voxels; M may be 0.
    """
    classes = logits.shape[1]
    flat = logits.movedim(1, -1).reshape(-1, classes).float()
    ids = target.reshape(-1)
    valid = ids != UNKNOWN
    if bool(valid.all()):
        return flat, ids.to(torch.int64)
    return flat[valid], ids[valid].to(torch.int64)
