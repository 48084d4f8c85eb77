"""Gradients that are not worth sharing among threads."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SHARED = 4096
"""Places of a map, in all samples together, above which threads share the gradient of its convolution."""


def compute_small_gradients_alone(network: nn.Module) -> None:
    """Let one thread compute the gradients of two-dimensional convolutions that write few places, on CPUs.

    One thread takes half a millisecond to a whole one for each. oneDNN's threads wait for each other several times in
    the gradient of a weight, and spin meanwhile: where other programs use the cores too, until they are scheduled
    again, which took 4 to 17 ms, and half of the CPU time of a backward pass.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(_mark)


def _mark(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
    """Have the number of threads changed around the gradient of what a convolution has written."""
    node = output.grad_fn
    if node is None or output.device.type != "cpu" or output.numel() // output.shape[1] > SHARED:
        return
    threads = torch.get_num_threads()
    node.register_prehook(lambda _: torch.set_num_threads(1))
    node.register_hook(lambda *_: torch.set_num_threads(threads))
