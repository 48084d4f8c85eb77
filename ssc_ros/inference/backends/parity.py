"""Whether a backend says the same as torch."""

from __future__ import annotations

import torch

from ssc_ros.networks.heads.scene_logits import SceneLogits

SURE = 128
"""Confidence, of 255, from which on two backends have to agree: more than one half is for this label."""

REQUIRED = {"f32": 0.9999, "bf16": 0.995, "int8": 0.98}
"""Least agreement by precision. That of eight bits is with torch on values that are rounded in the same way; what the
rounding costs is measured by `ssc-ros export`."""


def agreement_of(expected: SceneLogits, found: SceneLogits) -> float:
    """Compare a backend with torch on one batch.

    Args:
        expected: what torch says.
        found: what the backend says.

    Returns:
        The share of voxels with the same label, of those whose label torch is sure of and that are not empty in both;
        1 where there are none.
    """
    (ours, confidence), theirs = expected.decide(), found.labels()
    same = (ours == theirs)[(confidence >= SURE) & ((ours != 0) | (theirs != 0))]
    return float(same.to(torch.float64).mean()) if same.numel() else 1.0
