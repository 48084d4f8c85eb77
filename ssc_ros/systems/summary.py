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
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from ssc_ros.systems.past import as_streamed
from ssc_ros.systems.spec import LIDAR, STEREO, InputSpec, SceneInputs, SceneNetwork, SceneOutput

PROPOSALS = 18_746
"""Half-resolution voxels that hold a matched pixel, in SemanticKITTI's frame 08/000000 (semi-global matching)."""

WIDE_PROPOSALS = 5_637
"""Voxels twice as wide as those that hold a matched pixel of that frame, matched at half its size."""

MATCHED = 75_145
"""Matched pixels of that frame inside of the box, matched at half its size."""

POINTS, OCCUPIED = 52_700, 5_662
"""Points of the LiDAR sweep of that frame inside of the box, and the half-resolution voxels that they fall into."""

MEASURED = 123_389
"""Points of that whole sweep."""

POLAR = {(480, 360, 32): (49_679, 33_977), (192, 192, 16): (22_846, 14_183)}
"""Shape of a polar grid -> its cells and its pillars that these points fall into."""

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


def dry_run(make: Callable[[], SceneNetwork]) -> SceneOutput:
    """What a network returns for one frame: tensors on the meta device, shapes alone.

    Args:
        make: builds the network.
    """
    network, inputs = without_data(make)
    with torch.no_grad(), AssumedSizes(network.spec):
        output: SceneOutput = network(inputs)
    return output


def without_data(make: Callable[[], SceneNetwork]) -> tuple[SceneNetwork, SceneInputs]:
    """A network and its inputs of one frame in a stream, on the meta device."""
    with torch.device("meta"):
        network = make().eval()
        with AssumedSizes(network.spec):
            return network, as_streamed(network, empty_inputs(network.spec))


def empty_inputs(spec: InputSpec) -> SceneInputs:
    """Inputs of one frame on the default device, with the shapes that a spec asks for and no meaning.

    Each frame, those of the history too, has `MATCHED` stereo points; past frames come as images.
    """
    inputs: SceneInputs = {}
    past = spec.history.count
    if STEREO in spec.sensors:
        inputs["image"] = torch.empty(1, 3, *spec.image_size, dtype=torch.uint8)
        inputs["projection"] = torch.empty(1, 3, 4)
        of_the_pair = {
            "right": torch.empty(1, 3, *spec.image_size, dtype=torch.uint8),
            "focal_baseline": torch.empty(1),
            "stereo_depth": torch.empty(1, *spec.context_size),
            "stereo_voxels": torch.empty(1, 8, *spec.grid.coarsened(2).shape, dtype=torch.uint8),
            "stereo_points": torch.empty(1, MATCHED * (1 + past), 3),
        }
        inputs |= {key: of_the_pair[key] for key in spec.pair}
    if LIDAR in spec.sensors:
        half = spec.grid.coarsened(2).shape
        of_the_sweep = {
            "points": torch.empty(1, POINTS, 4),
            "cloud": torch.empty(1, MEASURED, 4),
            "lidar_voxels": torch.empty(1, 8, *half, dtype=torch.uint8),
            "lidar_classes": torch.empty(1, *half, dtype=torch.uint8),
        }
        inputs |= {key: of_the_sweep[key] for key in spec.sweep}
    if past:
        inputs["past_image"] = torch.empty(1, past, 3, *spec.image_size, dtype=torch.uint8)
        inputs["past_projection"] = torch.empty(1, past, 3, 4)
        inputs["past_valid"] = torch.empty(1, past, dtype=torch.bool)
    if spec.history.measured:
        inputs["past_voxels"] = torch.empty_like(inputs["stereo_voxels"])
        del inputs["stereo_points"]
    return inputs


class AssumedSizes(TorchDispatchMode):
    """Answer the questions that need data.

    `PROPOSALS` or `WIDE_PROPOSALS` voxels are proposed, all points lie in `OCCUPIED` voxels, those of a whole sweep in
    the cells of `POLAR`.

    Args:
        spec: of the network that asks.
    """

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        half = spec.grid.coarsened(2)
        self.proposed = {half.size: min(PROPOSALS, half.size), half.size // 4: min(WIDE_PROPOSALS, half.size // 4)}
        self.distinct = {}
        if spec.polar is not None:
            cells, pillars = POLAR.get(spec.polar.shape, (MEASURED, MEASURED))
            self.distinct = {MEASURED: cells, cells: pillars}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.nonzero.default:
            mask: Tensor = args[0]
            return mask.new_empty(self.proposed.get(mask.numel(), mask.numel()), mask.ndim, dtype=torch.long)
        if func is torch.ops.aten._unique2.default:
            values: Tensor = args[0]
            distinct = values.new_empty(self.distinct.get(len(values), min(OCCUPIED, len(values))))
            return distinct, torch.empty_like(values), torch.empty_like(distinct)
        return func(*args, **(kwargs or {}))


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
