"""Dense parts in eight bits: post-training quantisation by NNCF (Kozlov et al. 2020), calibrated on frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import nncf
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssc_ros.core import Frame
from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import Backend
from ssc_ros.inference.backends.deploy import restore
from ssc_ros.inference.backends.openvino_parts import lay_out, load_or_convert, save
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.networks.dense import Example, record

WITHOUT_BIAS_CORRECTION = nncf.AdvancedQuantizationParameters(disable_bias_correction=True)
"""With it, NNCF 3.4 makes models of some networks that OpenVINO 2026.4 crashes on."""

SMALL = torch.float16
"""What calibration inputs are kept in: a volume of 16 channels is 17 MB in single precision."""


def quantize_parts(completer: SceneCompleter, frames: Iterable[Frame], backend: Backend) -> list[Path]:
    """Quantise the dense parts of a network for the activations that they have on some frames.

    Args:
        completer: runs the network by torch.
        frames: of the kind that it will see, each by itself.
        backend: "openvino-int8".

    Returns:
        The artefacts, one for each part.
    """
    restore(completer.network)
    given: defaultdict[str, list[tuple[Tensor, ...]]] = defaultdict(list)
    examples: dict[str, Example] = {}
    for frame in frames:
        completer.forget()
        for example in record(completer.network, partial(completer.complete, frame)):
            examples.setdefault(example.part.path, example)
            given[example.part.path].append(tuple(_small(x) for x in example.inputs))
    artefacts = Artefacts.of(completer.network)
    written: list[Path] = []
    for name, example in examples.items():
        inputs = given.pop(name)
        samples = nncf.Dataset(inputs, partial(_arrays, example=example))
        model = load_or_convert(example, artefacts)
        quantised = nncf.quantize(
            model,
            samples,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(inputs),
            advanced_parameters=WITHOUT_BIAS_CORRECTION,
        )
        path = artefacts.path(backend, example, ".xml")
        save(quantised, path)
        written.append(path)
    return written


def _small(tensor: Tensor) -> Tensor:
    return tensor.to(SMALL) if tensor.is_floating_point() else tensor.clone()


def _arrays(tensors: tuple[Tensor, ...], example: Example) -> list[NDArray[Any]]:
    return [x.numpy() for x in lay_out(tensors, example)]
