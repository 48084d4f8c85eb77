"""Compiled loops in the place of torch's operations: on a CPU, where no graph is needed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ssc_ros.kernels.threads import parallel_for


def may_loop(tensor: Tensor) -> bool:
    """Whether a compiled loop without a gradient may take the place of torch's operations on this tensor.

    Whole numbers have no gradient.
    """
    return may_learn_by_loops(tensor) and not (torch.is_grad_enabled() and tensor.is_floating_point())


def may_learn_by_loops(tensor: Tensor) -> bool:
    """Whether a compiled loop with a gradient of its own may; loops know no double precision."""
    known = tensor.device.type == "cpu" and tensor.dtype != torch.float64
    return known and not (torch.compiler.is_compiling() or torch.jit.is_tracing())  # type: ignore[attr-defined]


def loop(work: Callable[[int, int], object], count: int) -> None:
    """Call `work(begin, end)` for parts of range(count), on as many threads as torch has; see `parallel_for`."""
    parallel_for(work, count, torch.get_num_threads())


def bits(tensor: Tensor) -> Tensor:
    """Return a tensor that numpy knows: of bfloat16 its bits, see `kernels.bfloat16`."""
    return tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
