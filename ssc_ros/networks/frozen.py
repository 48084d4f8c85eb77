"""A block that training leaves as it is."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Frozen(nn.Module):
    """Run a block without gradients and always in evaluation mode, so that its batch norms keep their statistics.

    Args:
        body: the block; a checkpoint keeps its weights like those of any other.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Frozen:
        """Change the mode of the wrapper alone."""
        super().train(mode)
        self.body.eval()
        return self

    def forward(self, *inputs: Any) -> Any:
        """Apply the block."""
        with torch.no_grad():
            return self.body(*inputs)
