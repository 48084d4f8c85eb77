"""Dense parts in OpenVINO, on a CPU."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import openvino
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import Backend
from ssc_ros.networks.dense import Compiled, Example, FlatPart, flatten, rebuild
from ssc_ros.networks.volume.blocks import channels_are_last, channels_first, channels_last

_CALCULATE_IN = {"f32": "f32", "bf16": "bf16", "int8": "bf16"}
"""What is not quantised of a quantised model is calculated in bfloat16."""

VOLUME = 5
"""Axes of a volume."""


@cache
def core() -> Any:
    """The one that all parts share, to the end of the process.

    OpenVINO's CPU plugin gives the thread that loads it a stack for signals, and takes the memory away with itself, in
    whichever thread lets go of it. The next signal would then end the process (OpenVINO 2026.4).
    """
    return openvino.Core()


def compile_part(example: Example, backend: Backend, artefacts: Artefacts) -> Compiled:
    """A part, for the shapes of its example and as many threads as torch has now.

    Raises:
        RuntimeError: OpenVINO does not know one of its operations.
    """
    return _Request(load_or_convert(example, backend, artefacts), example.outline(), backend.precision)


def load_or_convert(example: Example, backend: Backend, artefacts: Artefacts) -> Any:
    """The OpenVINO model of a part, from the cache where it is there; both floating precisions have the same."""
    eight_bits = backend.precision == "int8"
    path = artefacts.path(backend if eight_bits else Backend(backend.library), example, ".xml")
    if path.is_file():
        return core().read_model(path)
    part, inputs = _AsTheyLie(example), lay_out(example.inputs, example)
    with torch.no_grad(), warnings.catch_warnings():
        # a part is converted for the shapes of its example
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        traced = torch.jit.trace(part, inputs, check_trace=False)  # type: ignore[no-untyped-call]
    model = openvino.convert_model(traced, example_input=inputs)
    model.reshape({port: list(x.shape) for port, x in zip(model.inputs, inputs, strict=True)})
    _leave_in_place(model)
    save(model, path)
    return model


class _AsTheyLie(nn.Module):
    """A part whose arguments are `lay_out`, and whose results lie in memory as the example's do."""

    def __init__(self, example: Example) -> None:
        super().__init__()
        self.part = FlatPart(example.part)
        self._inputs_last, self._outputs_last = lying(example.inputs), lying(flatten(example.output))

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The tensors in the part's result."""
        inputs = (channels_first(x) if last else x for x, last in zip(tensors, self._inputs_last, strict=True))
        outputs: tuple[Tensor, ...] = self.part(*inputs)
        return tuple(channels_last(x) if last else x for x, last in zip(outputs, self._outputs_last, strict=True))


def lying(tensors: Sequence[Tensor]) -> list[bool]:
    """Of which tensors the channels are innermost in memory."""
    return [channels_are_last(x) for x in tensors]


def _leave_in_place(model: Any) -> None:
    """Let what moves channels last read what had moved them first: OpenVINO does so only where no other reads it."""
    for operation in model.get_ordered_ops():
        source = operation.input_value(0).get_node() if operation.get_input_size() else None
        if source is None or {operation.get_type_name(), source.get_type_name()} != {"Transpose"}:
            continue
        moved, back = (node.input_value(1).get_node().data for node in (source, operation))
        if [moved[axis] for axis in back] == list(range(len(back))):
            operation.output(0).replace(source.input_value(0))


def lay_out(tensors: Sequence[Tensor], example: Example) -> tuple[Tensor, ...]:
    """Arguments of a part as its model takes them, contiguous.

    Where the channels of the example's volume are innermost in memory, they are the model's last axis: so nothing moves
    them, and OpenVINO calculates in that order.
    """
    inputs = zip(tensors, lying(example.inputs), strict=True)
    return tuple((channels_last(x) if last else x).contiguous() for x, last in inputs)


def save(model: Any, path: Path) -> None:
    """Write a model: its weights first, so that where there is a model there are weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{os.getpid()}-{path.name}")
    openvino.save_model(model, temporary, compress_to_fp16=False)
    for suffix in (".bin", ".xml"):
        temporary.with_suffix(suffix).replace(path.with_suffix(suffix))


def _with_small_volumes(model: Any) -> Any:
    """The model with arguments and results of five axes in bfloat16: half as much to write and to read."""
    steps = openvino.preprocess.PrePostProcessor(model)
    for ports, step in ((model.inputs, steps.input), (model.outputs, steps.output)):
        for i, port in enumerate(ports):
            if len(port.partial_shape) == VOLUME and port.element_type == openvino.Type.f32:
                step(i).tensor().set_element_type(openvino.Type.bf16)
    return steps.build()


def _openvino_tensor(tensor: Tensor, port: Any) -> Any:
    """OpenVINO's view of an argument in the precision of a model's input, or of a copy."""
    if port.element_type == openvino.Type.bf16:  # which numpy does not know
        bits = tensor.to(torch.bfloat16).view(torch.int16).numpy()
        return openvino.Tensor(bits, openvino.Shape(bits.shape), openvino.Type.bf16)
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _torch_tensor(array: NDArray[Any], last: bool) -> Tensor:
    """OpenVINO's result as a view [B, C, ...]; numpy knows no bfloat16, and is given one that it calls float16."""
    tensor = torch.from_numpy(array)
    tensor = tensor.view(torch.bfloat16) if tensor.dtype == torch.float16 else tensor
    return channels_first(tensor) if last else tensor


class _Request:
    """A compiled model that is called like the part.

    Results are views of OpenVINO's memory, which the next call writes into; the results of a part that a network runs
    several times for one scene are copied.
    """

    def __init__(self, model: Any, example: Example, precision: str) -> None:
        config = {
            "INFERENCE_PRECISION_HINT": _CALCULATE_IN[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # the cores have other work too
        }
        if precision != "f32":
            model = _with_small_volumes(model)
        compiled = core().compile_model(model, "CPU", config)
        self._request, self._ports = compiled.create_infer_request(), compiled.inputs
        self._outputs_last = lying(flatten(example.output))
        self._example = example
        self._shapes = [x.shape for x in example.inputs]

    def __call__(self, *tensors: Tensor) -> Any:
        if [x.shape for x in tensors] != self._shapes:  # another batch size; nothing that is deployed has one
            return self._example.part.call(*tensors)
        inputs = zip(lay_out(tensors, self._example), self._ports, strict=True)
        outputs = self._request.infer(
            [_openvino_tensor(x, port) for x, port in inputs], share_inputs=True, share_outputs=True
        )
        results = [_torch_tensor(outputs[i], last) for i, last in enumerate(self._outputs_last)]
        if self._example.runs > 1:
            results = [x.clone() for x in results]
        return rebuild(self._example.output, iter(results))
