"""Parameters, floating point operations and shapes of a network, module by module, without running it.

Everything happens on torch's meta device, which has shapes and no data: a network of any size takes seconds and no
memory. Where a shape depends on data, a documented number stands for it, see `AssumedSizes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ssc_ros.systems.dry_run import AssumedSizes, without_data
from ssc_ros.systems.spec import SceneNetwork

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ModuleSummary:
    """One module with everything inside of it.

    Attributes:
        name: path from the network, as in its state dict; "" is the network itself.
        kind: its class.
        parameters: learned numbers, buffers not included.
        flops: of one forward pass at batch 1: two per multiplication with addition, of convolutions and matrix
            products alone. Sampling, norms, softmax and interpolation count as nothing.
        outputs: shapes of what it returns; none if it is never called as a whole.
    """

    name: str
    kind: str
    parameters: int
    flops: int
    outputs: tuple[Shape, ...]

    @property
    def depth(self) -> int:
        """Steps from the network, which is 0."""
        return self.name.count(".") + 1 if self.name else 0


def summarize(make: Callable[[], SceneNetwork]) -> list[ModuleSummary]:
    """Summarise a network and all modules in it, in the order of their definition; the network is the first.

    Args:
        make: builds the network.
    """
    network, inputs = without_data(make)
    modules = dict(network.named_modules())
    flops, shapes = dict.fromkeys(modules, 0), dict[str, tuple[Shape, ...]]()
    with torch.no_grad(), FlopCounterMode(display=False) as counter, AssumedSizes(network.spec):
        _watch(modules, counter, flops, shapes)
        network(inputs)
    return [
        ModuleSummary(
            name,
            type(module).__name__,
            sum(p.numel() for p in module.parameters()),
            flops[name],
            shapes.get(name, ()),
        )
        for name, module in modules.items()
    ]


def _watch(
    modules: dict[str, nn.Module], counter: FlopCounterMode, flops: dict[str, int], shapes: dict[str, tuple[Shape, ...]]
) -> None:
    """From now on, note by name the operations (of all calls) and output shapes (of the last) of modules.

    Operations of a module count for those that hold it as well, also where these are not running: a container may
    never be called itself.
    """
    running: list[tuple[str, int]] = []

    def watch(name: str, module: nn.Module) -> None:
        def leave(module: nn.Module, inputs: Any, output: Any) -> None:
            _, before = running.pop()
            counted = counter.get_total_flops() - before
            active = {name for name, _ in running}
            holder = name
            while holder and holder not in active:
                flops[holder] += counted
                holder = holder.rpartition(".")[0]
            if not name:
                flops[name] += counted
            shapes[name] = tuple(_shapes(output))

        module.register_forward_pre_hook(lambda module, inputs: running.append((name, counter.get_total_flops())))
        module.register_forward_hook(leave)

    for name, module in modules.items():
        watch(name, module)


def _shapes(output: Any) -> Iterator[Shape]:
    """Shapes of the tensors in an output, not of those that it has by name (taps)."""
    if isinstance(output, Tensor):
        yield tuple(output.shape)
    elif isinstance(output, list | tuple):
        for part in output:
            yield from _shapes(part)
    elif is_dataclass(output):
        for field in fields(output):
            yield from _shapes(getattr(output, field.name))
