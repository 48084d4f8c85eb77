"""What tests of backends have in common: a tiny network with an opinion, what it reads, and where it runs."""

from __future__ import annotations

import torch

from ssc_ros.core import SceneGrid
from ssc_ros.systems import InputSpec
from ssc_ros.systems.l2cocc.network import L2Cocc

from ...training import tiny_l2cocc

SPEC = InputSpec(image_size=(32, 96), context_size=(8, 24), grid=SceneGrid((0.0, -6.4, -2.0), 0.8, (32, 16, 8)))
CPU = torch.device("cpu")


def network(seed: int = 0) -> L2Cocc:
    """Untrained, but with an opinion."""
    torch.manual_seed(seed)
    made = tiny_l2cocc.camera(SPEC)
    with torch.no_grad():
        made.head.logits.weight.mul_(30)
        made.head.logits.bias.zero_()
    return made.eval().requires_grad_(False)
