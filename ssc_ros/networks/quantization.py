"""Convolutions in eight bits: what each reads, and its weights, on 256 levels (Jacob et al., CVPR 2018).

A network is quantised after its training. `observed_ranges` notes what its convolutions read while it sees frames;
`quantised` lets it calculate in torch as eight bits do, and tells a backend that traces it then what to quantise. All
else is left as it is: it takes little time, and rounding it costs more accuracy and time than it saves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

Ranges = Mapping[str, tuple[float, float]]
"""The least and the largest value that a convolution reads, by the convolution's name in the network."""

NO_RANGES: Ranges = {}
"""Of a network that is not quantised."""

LEVELS = 256
_LEAST_SCALE = 1e-12


def convolutions(network: nn.Module) -> dict[str, nn.Conv2d | nn.Conv3d]:
    """Those that can be quantised, by their names: of images and volumes, in one group."""
    return {
        name: module
        for name, module in network.named_modules()
        if type(module) in (nn.Conv2d, nn.Conv3d) and module.groups == 1
    }


@contextmanager
def observed_ranges(network: nn.Module) -> Iterator[dict[str, tuple[float, float]]]:
    """What the network's convolutions read while the context is open.

    Yields:
        The `Ranges` of those that were run, there once the context is closed: the least and the largest value of a
        call, averaged over all calls, so that one outlier does not make the levels coarse.
    """
    seen: dict[str, list[Tensor]] = {}
    ranges: dict[str, tuple[float, float]] = {}

    def note(name: str, _: nn.Module, inputs: tuple[Tensor]) -> None:
        seen.setdefault(name, []).append(torch.stack(inputs[0].aminmax()).double())

    notes = [module.register_forward_pre_hook(partial(note, name)) for name, module in convolutions(network).items()]
    try:
        yield ranges
    finally:
        for hook in notes:
            hook.remove()
    for name, extremes in seen.items():
        least, largest = torch.stack(extremes).mean(dim=0).tolist()
        ranges[name] = least, largest


@contextmanager
def quantised(network: nn.Module, ranges: Ranges) -> Iterator[None]:
    """Let the convolutions that have a range read and multiply by rounded values while the context is open."""
    modules = [(module, ranges[name]) for name, module in convolutions(network).items() if name in ranges]
    for module, extremes in modules:
        module.forward = partial(_convolve_rounded, module, *extremes)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for module, _ in modules:
            del module.forward


def _convolve_rounded(module: nn.Conv2d | nn.Conv3d, least: float, largest: float, features: Tensor) -> Tensor:
    # zero, which convolutions are padded with, is level 0; behind a ReLU no level is wasted on signs
    signed = least < 0
    lowest, highest = (-LEVELS // 2, LEVELS // 2 - 1) if signed else (0, LEVELS - 1)
    scale = max(largest / highest, least / lowest if signed else 0, _LEAST_SCALE)
    features = torch.fake_quantize_per_tensor_affine(features, scale, 0, lowest, highest)
    return module._conv_forward(features, _rounded(module.weight), module.bias)


def _rounded(weight: Tensor) -> Tensor:
    """Levels of their own for the weights of each output, as far below zero as above."""
    highest = LEVELS // 2 - 1
    scales = (weight.detach().abs().flatten(1).amax(dim=1) / highest).clamp(min=_LEAST_SCALE)
    zeros = torch.zeros_like(scales, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, -highest, highest)
