"""Whether a backend says the same as torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssc_ros.networks.heads.scene_logits import SceneLogits

SURE = 128
"""Confidence, of 255, from which on two backends have to agree: more than one half is for this label."""

REQUIRED = {"f32": 0.9999, "bf16": 0.995, "int8": 0.98}
"""Least agreement by precision. That of eight bits is with torch on values that are rounded in the same way; what the
rounding costs is measured by `ssc-ros export`."""


@dataclass(frozen=True)
class Parity:
    """Shares of voxels that get the same label.

    Attributes:
        agreement: of those whose label torch is sure of, not empty in torch or in the backend; 1 where there are none.
        everywhere: of all voxels.
    """

    agreement: float
    everywhere: float

    @staticmethod
    def of(expected: SceneLogits, found: SceneLogits) -> Parity:
        """Compare two predictions of one batch."""
        (ours, confidence), theirs = expected.decide(), found.labels()
        same = ours == theirs
        compared = (confidence >= SURE) & ((ours != 0) | (theirs != 0))
        return Parity(_share(same[compared]), _share(same))


def _share(same: Tensor) -> float:
    return float(same.to(torch.float64).mean()) if same.numel() else 1.0
