"""How large networks are, which their papers and published code say."""

from torch import nn


def parameters(module: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(p.numel() for p in module.parameters())
