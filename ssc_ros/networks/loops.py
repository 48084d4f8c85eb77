"""Compiled loops in the place of torch's operations: on a CPU, where neither gradients nor a graph are needed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ssc_ros.kernels.threads import parallel_for


def may_loop(tensor: Tensor) -> bool:
    """Whether a compiled loop may take the place of torch's operations on this tensor."""
    return tensor.device.type == "cpu" and not (torch.is_grad_enabled() or torch.compiler.is_compiling())


def loop(work: Callable[[int, int], object], count: int) -> None:
    """Call `work(begin, end)` for parts of range(count), on as many threads as torch has; see `parallel_for`."""
    parallel_for(work, count, torch.get_num_threads())
