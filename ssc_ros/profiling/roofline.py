"""What a network would take if it only calculated, or only moved data, as fast as this machine can.

After Williams et al., Roofline, 2009: the larger of the two times is a limit for the same operations one by one; fused
operations move less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ssc_ros.inference.stages import Clock, Span
from ssc_ros.profiling.spread import MILLISECONDS, Timing
from ssc_ros.profiling.summary import summarize
from ssc_ros.systems.dry_run import AssumedSizes, without_data
from ssc_ros.systems.spec import SceneNetwork

SIDE = 1024
"""Of the square matrices that are multiplied: large enough for full speed, small enough for caches."""

COPIED = 1 << 26
"""Bytes that are copied: more than caches hold."""

REPEATS = 9


@dataclass(frozen=True)
class Roofline:
    """A network's work, and what the machine does in the same precision.

    Attributes:
        flops: of one prediction, see `ModuleSummary`.
        bytes: that its operations read and write, one by one, were all numbers of the product's precision.
        product: of two matrices of `SIDE`.
        copy: of `COPIED` bytes, which are read and written.
    """

    flops: int
    bytes: int
    product: Timing
    copy: Timing

    def rates(self, clock: str) -> tuple[float, float]:
        """GFLOPs of the product and GB of the copy in a second, "wall" or "cpu"."""
        product, copy = (getattr(timing, clock).median / MILLISECONDS for timing in (self.product, self.copy))
        return 2e-9 * SIDE**3 / product, 2e-9 * COPIED / copy

    def limits(self, clock: str) -> tuple[float, float]:
        """What calculating alone and moving alone would take [ms], "wall" or "cpu"."""
        gflops, gigabytes = self.rates(clock)
        return 1e-9 * MILLISECONDS * self.flops / gflops, 1e-9 * MILLISECONDS * self.bytes / gigabytes


def roofline(make: Callable[[], SceneNetwork], dtype: torch.dtype, device: torch.device, clock: Clock) -> Roofline:
    """Count a network's work without running it, and measure the machine with the threads that torch has now."""
    product = torch.rand(SIDE, SIDE, device=device, dtype=dtype)
    source, target = (torch.ones(COPIED, dtype=torch.uint8, device=device) for _ in range(2))
    return Roofline(
        summarize(make)[0].flops,
        traffic(make) * dtype.itemsize // torch.float32.itemsize,
        _time(lambda: product @ product, clock),
        _time(lambda: target.copy_(source), clock),
    )


def traffic(make: Callable[[], SceneNetwork]) -> int:
    """Bytes that the operations of one prediction read and write, one by one, at batch 1 and in single precision."""
    network, inputs = without_data(make)
    with torch.no_grad(), _Traffic() as counter, AssumedSizes(network.spec):
        network(inputs)
    return counter.bytes


class _Traffic(TorchDispatchMode):
    """Sums what operations read and write; views are free, and a repeated element is read once."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        aliases = [returned.alias_info for returned in func._schema.returns]
        if not any(alias is not None and not alias.is_write for alias in aliases):
            self.bytes += sum(_size(t) for t in _tensors((args, kwargs, result)))
        return result


def _tensors(nested: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(nested) if isinstance(leaf, Tensor))


def _size(tensor: Tensor) -> int:
    distinct = (n for n, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride != 0)
    return math.prod(distinct) * tensor.element_size()


def _time(work: Callable[[], object], clock: Clock) -> Timing:
    work()
    spans: list[Span] = []
    for _ in range(REPEATS):
        begin = clock()
        work()
        spans.append(clock() - begin)
    return Timing.of(spans)
