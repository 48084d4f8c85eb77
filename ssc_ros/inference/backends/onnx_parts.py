"""Dense parts in ONNX Runtime, on a CPU."""

from __future__ import annotations

from typing import Any

import onnxruntime
import torch
from torch import Tensor

from ssc_ros.core.files import write_atomically
from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import Backend
from ssc_ros.networks.dense import Compiled, Example, FlatPart, rebuild


def compile_part(example: Example, backend: Backend, artefacts: Artefacts) -> Compiled:
    """A part, for the shapes of its example and as many threads as torch has now.

    Raises:
        RuntimeError: ONNX does not know one of its operations.
    """
    path = artefacts.path(backend, example, ".onnx")
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        names = [f"input{i}" for i in range(len(example.inputs))]
        with torch.no_grad():
            program = torch.onnx.export(
                FlatPart(example.part).eval(), example.inputs, input_names=names, dynamo=True, verbose=False
            )
        assert program is not None
        write_atomically(path, program.model_proto.SerializeToString())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    known = {
        port.name: int(port.name.removeprefix("input")) for port in session.get_inputs()
    }  # unused ones are left out

    like = example.outline()

    def run(*tensors: Tensor) -> Any:
        if any(x.shape != y.shape for x, y in zip(tensors, like.inputs, strict=True)):
            return like.part.call(*tensors)
        arrays = {name: tensors[i].to(like.inputs[i].dtype).contiguous().numpy() for name, i in known.items()}
        return rebuild(like.output, iter(map(torch.from_numpy, session.run(None, arrays))))

    return run
