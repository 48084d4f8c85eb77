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
        features: [in_rows, c].
        weight: [o, kx, ky, kz, c], spconv 2's layout.
        rulebook: of the same number of taps.

    Returns:
        [out_rows, o] of the dtype that autocast asks for, summed in single precision at least. On a GPU spconv does it
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
        total = features.new_zeros(rulebook.out_rows, matrices.shape[2], dtype=single)
    else:
        total = (features @ matrices[rulebook.identity]).to(single)
    if may_loop(features) and single == torch.float32:
        _add_products(features, matrices, rulebook, total)
    else:
        for tap, sources, targets in rulebook.taps():
            products = features.index_select(0, sources) @ matrices[tap]
            total.index_add_(0, targets, products.to(single))
    return total.to(features.dtype)


GROUP = 16 * 2**20
"""Bytes of the products that are added in one pass over the outputs: they are still in a cache of the CPU."""


def _add_products(features: Tensor, matrices: Tensor, rulebook: Rulebook, total: Tensor) -> None:
    """Add the products of all taps to a total [out_rows, o] float32, those of several taps in one pass over it."""
    from ssc_ros.networks.sparse.added_rows import add_rows  # compiles, so only where it is needed

    width = matrices.shape[2]
    for taps, pairs in rulebook.groups(GROUP // (width * features.element_size())):
        gathered = features.index_select(0, rulebook.sources[pairs])
        products = gathered.new_empty(len(gathered), width)
        counts = rulebook.counts[taps]
        parts = zip(gathered.split(counts), matrices[taps], products.split(counts), strict=True)
        for rows, matrix, product in parts:
            torch.mm(rows, matrix, out=product)
        bits = products.view(torch.int16) if products.dtype == torch.bfloat16 else products.float()
        what = bits.numpy(), pairs.start, rulebook.places[taps].numpy(), total.numpy()
        loop(lambda begin, end: add_rows(begin, end, *what), len(total))  # noqa: B023 (it is called at once)
