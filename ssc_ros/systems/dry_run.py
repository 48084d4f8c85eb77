"""Run a network on torch's meta device, which has shapes and no data: any size takes seconds and no memory.

Distillation asks it for the shapes of taps, profiling for the cost of modules. Where a shape depends on data, a
documented number stands for it, see `AssumedSizes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ssc_ros.systems.past import as_streamed
from ssc_ros.systems.spec import LIDAR, STEREO, InputSpec, SceneInputs, SceneNetwork, SceneOutput

PROPOSALS = 18_746
"""Half-resolution voxels that hold a matched pixel, in SemanticKITTI's frame 08/000000 (semi-global matching)."""

WIDE_PROPOSALS = 5_637
"""Voxels twice as wide that hold a matched pixel of that frame, matched at half its size."""

MATCHED = 75_145
"""Matched pixels of that frame inside of the box, matched at half its size."""

POINTS, OCCUPIED = 52_700, 5_662
"""Points of the LiDAR sweep of that frame inside of the box, and the half-resolution voxels that they fall into."""

MEASURED = 123_389
"""Points of that whole sweep."""

SIGHTINGS = {"stereo": 24_171, "lidar": 10_084}
"""Pairs of a voxel and the cell that sees it in frame 00/000000."""

SIGHTED = {24_171: 9_351, 10_084: 4_423}
"""Pairs -> the voxels in them."""

POLAR = {(480, 360, 32): (49_679, 33_977), (192, 192, 16): (22_846, 14_183)}
"""Shape of a polar grid -> its cells and its pillars that these points fall into."""


def dry_run(make: Callable[[], SceneNetwork]) -> SceneOutput:
    """Return what a network returns for one frame: tensors on the meta device, shapes alone.

    Args:
        make: builds the network.
    """
    network, inputs = without_data(make)
    with torch.no_grad(), AssumedSizes(network.spec):
        output: SceneOutput = network(inputs)
    return output


def without_data(make: Callable[[], SceneNetwork]) -> tuple[SceneNetwork, SceneInputs]:
    """Make a network, and its inputs of one frame in a stream, on the meta device."""
    with torch.device("meta"):
        network = make().eval()
        with AssumedSizes(network.spec):
            return network, as_streamed(network, empty_inputs(network.spec))


def empty_inputs(spec: InputSpec) -> SceneInputs:
    """Make inputs of one frame on the default device, with the shapes that a spec asks for and no meaning.

    Each frame, past ones included, has `MATCHED` stereo points; past frames come as images.
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
            "stereo_sightings": torch.zeros(1, SIGHTINGS["stereo"], 2, dtype=torch.int32),
        }
        inputs |= {key: of_the_pair[key] for key in spec.pair}
    if LIDAR in spec.sensors:
        half = spec.grid.coarsened(2).shape
        of_the_sweep = {
            "points": torch.empty(1, POINTS, 4),
            "cloud": torch.empty(1, MEASURED, 4),
            "lidar_voxels": torch.empty(1, 8, *half, dtype=torch.uint8),
            "lidar_classes": torch.empty(1, *half, dtype=torch.uint8),
            "lidar_depth": torch.empty(1, *spec.context_size),
            "lidar_sightings": torch.zeros(1, SIGHTINGS["lidar"], 2, dtype=torch.int32),
        }
        inputs |= {key: of_the_sweep[key] for key in spec.sweep}
    if past:
        inputs["past_image"] = torch.empty(1, past, 3, *spec.image_size, dtype=torch.uint8)
        inputs["past_projection"] = torch.empty(1, past, 3, 4)
        inputs["past_valid"] = torch.empty(1, past, dtype=torch.bool)
    if spec.history.measured:
        inputs["past_voxels"] = torch.empty_like(inputs["stereo_voxels"])
        if spec.history.sighted:
            inputs["past_sightings"] = torch.zeros(1, past * SIGHTINGS["stereo"], 2, dtype=torch.int32)
        del inputs["stereo_points"]
    return inputs


class AssumedSizes(TorchDispatchMode):
    """Answer the questions that need data.

    `PROPOSALS` or `WIDE_PROPOSALS` voxels are proposed, all points in the box lie in `OCCUPIED` voxels, and the points
    of a whole sweep in the cells of `POLAR`.

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
        if func is torch.ops.aten.unique_consecutive.default:
            voxels: Tensor = args[0]
            seen = voxels.new_empty(SIGHTED.get(len(voxels), len(voxels)))
            return seen, torch.empty_like(voxels), torch.empty_like(seen)
        if func is torch.ops.aten._unique2.default:
            values: Tensor = args[0]
            distinct = values.new_empty(self.distinct.get(len(values), min(OCCUPIED, len(values))))
            return distinct, torch.empty_like(values), torch.empty_like(distinct)
        return func(*args, **(kwargs or {}))
