"""Dense parts in ONNX Runtime: on a CPU, or by TensorRT on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from ssc_ros.core.files import write_atomically
from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import Backend
from ssc_ros.networks.dense import Compiled, Example, FlatPart, flatten, rebuild

Provider = tuple[str, dict[str, Any]]
"""What runs a model in ONNX Runtime: its name and its options."""


def compile_part(example: Example, backend: Backend, artefacts: Artefacts) -> Compiled:
    """A part, for the shapes of its example and, on a CPU, as many threads as torch has now.

    Raises:
        RuntimeError: ONNX does not know one of its operations, or this ONNX Runtime has no TensorRT.
    """
    path = artefacts.path(backend, example, ".onnx")
    if not path.is_file():
        _export(example, path)
    return _Session(path, providers(backend, path, example.inputs[0].device), example)


def providers(backend: Backend, model: Path, device: torch.device) -> list[Provider]:
    """What may run a model, in the order of preference; TensorRT leaves what it cannot do to CUDA."""
    if backend.library == "onnxruntime":
        return [("CPUExecutionProvider", {})]
    index = {"device_id": device.index or 0}
    options = {
        "trt_bf16_enable": backend.precision == "bf16",
        "trt_engine_cache_enable": True,  # beside the model; TensorRT names engines by the GPU that they are for
        "trt_engine_cache_path": str(model.with_suffix("")),
    }
    return [("TensorrtExecutionProvider", index | options), ("CUDAExecutionProvider", index)]


def _export(example: Example, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [f"input{i}" for i in range(len(example.inputs))]
    with torch.no_grad():
        program = torch.onnx.export(
            FlatPart(example.part).eval(), example.inputs, input_names=names, dynamo=True, verbose=False
        )
    assert program is not None
    write_atomically(path, program.model_proto.SerializeToString())


class _Session:
    """A model that is called like the part; it reads and writes torch's memory."""

    def __init__(self, path: Path, wanted: Sequence[Provider], example: Example) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores have other work too
        self._session = onnxruntime.InferenceSession(str(path), options, providers=list(wanted))
        (first, _), *_ = wanted
        if first not in self._session.get_providers():
            # it would go on without a word, on a CPU
            raise RuntimeError(f"this ONNX Runtime has no {first}: pip install onnxruntime-gpu tensorrt")
        # inputs that are not used are left out
        self._inputs = [(port.name, int(port.name.removeprefix("input"))) for port in self._session.get_inputs()]
        self._outputs = [port.name for port in self._session.get_outputs()]
        self._device = example.inputs[0].device
        self._example = example.outline()

    def __call__(self, *tensors: Tensor) -> Any:
        like = self._example
        if any(x.shape != y.shape for x, y in zip(tensors, like.inputs, strict=True)):
            return like.part.call(*tensors)
        arguments = [(name, tensors[i].to(like.inputs[i].dtype).contiguous()) for name, i in self._inputs]
        results = [torch.empty(x.shape, dtype=x.dtype, device=self._device) for x in flatten(like.output)]
        binding = self._session.io_binding()
        for name, x in arguments:
            binding.bind_input(*_place(name, x))
        for name, x in zip(self._outputs, results, strict=True):
            binding.bind_output(*_place(name, x))
        if self._device.type == "cuda":  # ONNX Runtime has a stream of its own
            torch.cuda.current_stream(self._device).synchronize()
        self._session.run_with_iobinding(binding)
        return rebuild(like.output, iter(results))


def _place(name: str, tensor: Tensor) -> tuple[str, str, int, Any, tuple[int, ...], int]:
    """Where a contiguous tensor lies, as ONNX Runtime is told."""
    kind = np.dtype(str(tensor.dtype).removeprefix("torch.")).type
    return name, tensor.device.type, tensor.device.index or 0, kind, tuple(tensor.shape), tensor.data_ptr()
