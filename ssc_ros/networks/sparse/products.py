"""The arithmetic of sparse convolutions: gather the inputs of a tap, one matrix product, scatter onto the outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ssc_ros.networks.loops import loop, may_loop
from ssc_ros.networks.sparse import spconv_backend
from ssc_ros.networks.sparse.rulebook import Rulebook


def convolve(features: Tensor, weight: Tensor, rulebook: Rulebook) -> Tensor:
    """Sum over the pairs of a rulebook of the input row times its tap's matrix.

    Args:
        features: [inputs, c].
        weight: [o, kx, ky, kz, c], spconv 2's layout.
        rulebook: of the same number of taps.

    Returns:
        [outputs, o] of the dtype that autocast asks for, summed in single precision at least. On a GPU spconv does it
        where it can.
    """
    # what a matrix product of nothing is made of tells what autocast makes of one
    dtype = (features[:0] @ features.new_empty(features.shape[1], 0)).dtype
    features, weight = features.to(dtype), weight.to(dtype)
    if len(rulebook.sources) and spconv_backend.usable(features):
        return spconv_backend.convolve(features, weight, rulebook)
    matrices = weight.flatten(1, 3).permute(1, 2, 0)
    result: Tensor = _Convolve.apply(features, matrices, rulebook)
    return result


class _Convolve(torch.autograd.Function):
    """Keeps the inputs alone for the backward pass, where autograd would keep the gathered rows of every tap."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, matrices: Tensor, rulebook: Rulebook) -> Tensor:
        ctx.save_for_backward(features, matrices)
        ctx.rulebook = rulebook
        return _apply(features, matrices, rulebook)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, matrices = ctx.saved_tensors
        rulebook: Rulebook = ctx.rulebook
        of_features = of_matrices = None
        gradient = gradient.contiguous()
        if ctx.needs_input_grad[0]:
            of_features = _apply(gradient, matrices.mT, rulebook.reversed())
        if ctx.needs_input_grad[1]:
            of_matrices = torch.zeros_like(matrices, memory_format=torch.contiguous_format)
            if rulebook.identity is not None:
                of_matrices[rulebook.identity] = features.T @ gradient
            for tap, sources, targets in rulebook.taps():
                of_matrices[tap] = features.index_select(0, sources).T @ gradient.index_select(0, targets)
        return of_features, of_matrices, None


def _apply(features: Tensor, matrices: Tensor, rulebook: Rulebook) -> Tensor:
    single = torch.promote_types(features.dtype, torch.float32)
    if rulebook.identity is None:
        total = features.new_zeros(rulebook.outputs, matrices.shape[2], dtype=single)
    else:
        total = (features @ matrices[rulebook.identity]).to(single)
    compiled = may_loop(features) and single == torch.float32
    for tap, sources, targets in rulebook.taps():
        products = features.index_select(0, sources) @ matrices[tap]
        if compiled:
            _add(products, targets, total)
        else:
            total.index_add_(0, targets, products.to(single))
    return total.to(features.dtype)


def _add(products: Tensor, targets: Tensor, total: Tensor) -> None:
    """`total.index_add_(0, targets, products)`, of targets that differ from one another."""
    from ssc_ros.networks.sparse.added_rows import add_rows  # compiles, so only where it is needed

    bits = products.view(torch.int16) if products.dtype == torch.bfloat16 else products.float()
    what = bits.numpy(), targets.numpy(), total.numpy()
    loop(lambda begin, end: add_rows(begin, end, *what), len(targets))
