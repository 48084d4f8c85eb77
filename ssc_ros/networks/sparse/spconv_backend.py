"""The arithmetic of sparse convolutions by spconv 2, with the rulebooks and weights of this package.

spconv builds rulebooks of its own and numbers the sites of a convolution with stride in an order of its own. Given
ours, only the products are its: sites, weights and results stay the same whichever does the work. `ConvAlgo.Native` is
the algorithm that takes such rulebooks; it is also the only one that its CUDA wheels run on a CPU, where tests compare.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ssc_ros.networks.sparse.rulebook import Rulebook

DTYPES = (torch.float32, torch.float16)
"""What its matrix products are made of; all else is left to torch."""

NEWEST = 9
"""Compute capability, its major number, of the newest GPUs that the published wheels have kernels for (sm_90)."""


def usable(features: Tensor) -> bool:
    """Whether spconv can convolve these: on a GPU, of a type that it knows, where it is installed with CUDA."""
    if not features.is_cuda or features.dtype not in DTYPES or _spconv() is None:
        return False
    return torch.cuda.get_device_capability(features.device)[0] <= NEWEST


def convolve(features: Tensor, weight: Tensor, rulebook: Rulebook) -> Tensor:
    """As `products.convolve`, at the dtype of the features.

    Args:
        features: [in_rows, c].
        weight: [o, kx, ky, kz, c], of the same dtype.
        rulebook: with at least one pair.

    Returns:
        [out_rows, o].
    """
    spconv = _spconv()
    if spconv is None:
        raise ImportError("spconv with CUDA is not installed; the extra `spconv-cu118` brings it")
    pairs, counts = rulebook.table
    same_sites = rulebook.identity is not None
    function = spconv.functional.SubMConvFunction if same_sites else spconv.functional.SparseConvFunction
    # its functions would make half precision of everything under autocast, of bfloat16 too
    with torch.autocast(features.device.type, enabled=False):
        result: Tensor = function.apply(
            features.contiguous(), weight.contiguous(), pairs, counts, rulebook.out_rows, spconv.ConvAlgo.Native
        )
    return result


@cache
def _spconv() -> Any | None:
    """The library; None where it is not installed, or built without CUDA, whose threads race (its issue 679)."""
    try:
        library = importlib.import_module("spconv.pytorch")
        cpu_only = importlib.import_module("spconv.cppconstants").CPU_ONLY_BUILD
    except ImportError:
        return None
    return None if cpu_only else library
