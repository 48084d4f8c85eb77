"""Dense parts as CUDA graphs, channels last: no launch of a kernel waits for Python."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import Backend
from ssc_ros.networks.dense import Compiled, Example, flatten, rebuild

WARM_UP = 3
"""Runs before the capture, in which libraries choose their kernels."""
_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
"""By the axes of a convolution's weights."""


def compile_part(example: Example, backend: Backend, artefacts: Artefacts) -> Compiled:
    """A part that is captured now, for the shapes of its example."""
    part, held = example.part, [x.clone() for x in example.inputs]
    lay_channels_last(part.module)

    def work() -> Any:
        with torch.no_grad(), torch.autocast("cuda", torch.bfloat16, backend.precision == "bf16", cache_enabled=False):
            return part.call(*held)

    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = work()

    def run(*tensors: Tensor) -> Any:
        if any(x.shape != y.shape for x, y in zip(tensors, held, strict=True)):
            return part.call(*tensors)
        for mine, given in zip(held, tensors, strict=True):
            mine.copy_(given)
        graph.replay()
        results = flatten(captured)
        return rebuild(captured, iter([x.clone() for x in results] if example.runs > 1 else results))

    return run


def lay_channels_last(module: nn.Module) -> None:
    """Let convolutions read and write maps and volumes with their channels innermost, as tensor cores want them.

    A convolution follows its weights in this (PyTorch, Channels Last Memory Format); no number changes.
    """
    for parameter in module.parameters():
        if parameter.dim() in _LAYOUTS:
            parameter.data = parameter.data.contiguous(memory_format=_LAYOUTS[parameter.dim()])
