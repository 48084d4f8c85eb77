"""Stages in a row, all of whose outputs are wanted."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn


def outputs_of_each(stages: Iterable[nn.Module], x: Tensor) -> list[Tensor]:
    """Run stages one after the other, and return the output of each, in their order."""
    outputs = []
    for stage in stages:
        x = stage(x)
        outputs.append(x)
    return outputs
