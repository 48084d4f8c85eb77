"""Rows that are chosen from many, some of them more than once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ssc_ros.networks.loops import bits, loop, may_learn_by_loops


def chosen_rows(rows: Tensor, index: Tensor) -> Tensor:
    """`rows.index_select(0, index)`, with a gradient that a compiled loop adds up on CPUs, in single precision.

    Args:
        rows: [M, C].
        index: [N] long.

    Returns:
        [N, C].
    """
    if torch.is_grad_enabled() and may_learn_by_loops(rows):
        chosen: Tensor = _Chosen.apply(rows, index)
        return chosen
    return rows.index_select(0, index)


class _Chosen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.shape = rows.shape
        return rows.index_select(0, index)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        from ssc_ros.networks.chosen_loop import add_to_rows  # compiles, so only where it is needed

        (index,) = ctx.saved_tensors
        total = torch.zeros(ctx.shape)
        what = index.numpy(), bits(gradient.contiguous()).numpy(), total.numpy()
        loop(lambda begin, end: add_to_rows(begin, end, *what), len(total))
        return total.to(gradient.dtype), None
