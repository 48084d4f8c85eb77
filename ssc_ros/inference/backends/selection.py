"""Let a backend run a network, if it says the same as torch."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch

from ssc_ros.core import SscError
from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import Backend
from ssc_ros.inference.backends.parity import REQUIRED, agreement_of
from ssc_ros.inference.backends.synthetic_scene import synthetic_inputs
from ssc_ros.kernels.memory import trim_heap
from ssc_ros.networks.dense import Example, dense_parts, record
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.quantization import NO_RANGES, Ranges, quantised
from ssc_ros.systems import SceneInputs, SceneNetwork
from ssc_ros.systems.past import as_streamed
from ssc_ros.systems.spec import SceneOutput

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Execution:
    """How a network is run now.

    Attributes:
        backend: what runs it.
        parts: the dense parts that the backend has compiled, by their paths.
        left: those that it could not compile and torch runs, with the reason.
        agreement: share of the labels that torch is sure of and the backend gives too; torch computes in float32, on
            quantised values where the backend has int8. None where nothing was compared.
    """

    backend: Backend
    parts: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    agreement: float | None = None


def choose_backend(
    network: SceneNetwork, candidates: Sequence[Backend], device: torch.device, ranges: Ranges = NO_RANGES
) -> Execution:
    """Let the first backend run a network that agrees with torch in single precision on a synthetic scene.

    The last one, which the user has asked for by name, may in bfloat16 lose what torch in bfloat16 loses, too.

    Args:
        network: on the device, in evaluation mode; its dense parts are replaced.
        candidates: backends that can run here, in the order of preference.
        device: of the network.
        ranges: what its convolutions read, for eight bits.

    Raises:
        SscError: none of them agrees, or something that the last one needs is missing.
    """
    backend, *others = candidates
    try:
        return _run_by(network, backend, device, ranges, by_name=not others)
    except SscError as error:
        restore(network)
        if not others:
            raise
        _LOG.warning("%s; trying %s", error, others[0].name)
    return choose_backend(network, others, device, ranges)


def restore(network: SceneNetwork) -> None:
    """Let torch run all of a network again."""
    for part in dense_parts(network):
        part.replace(None)


def _run_by(
    network: SceneNetwork, backend: Backend, device: torch.device, ranges: Ranges, *, by_name: bool
) -> Execution:
    """Let one backend run a network.

    Raises:
        SscError: it does not agree with torch, or something that it needs is missing.
    """
    if backend.is_torch or not network.completes:
        return Execution(Backend("torch", "f32" if backend.precision == "f32" else "bf16"))
    # torch completes a synthetic scene, and its dense parts are compiled for what they were given
    made = {key: value.to(device) for key, value in synthetic_inputs(network.spec).items()}
    inputs = as_streamed(network, made)
    eight_bits = backend.precision == "int8"
    if eight_bits and not ranges:
        raise SscError(
            f"backend '{backend.name}' needs to know what the convolutions of this network read, and its checkpoint "
            f"does not say; let it see frames: ssc-ros export FILE --backend {backend.name} --data DIR"
        )
    with quantised(network, ranges) if eight_bits else nullcontext():
        expected, examples = observe(network, inputs)
        if not examples:
            raise SscError(f"backend '{backend.name}' has nothing to compile in this network; use torch")
        compiled, left = compile_parts(examples, backend, Artefacts.of(network, ranges))
    # the backend completes the same scene
    assert expected.scene is not None
    agreement = _agreement(network, backend, inputs, expected.scene)
    _require_agreement(agreement, network, backend, inputs, expected.scene, by_name=by_name)
    del expected, examples
    trim_heap()  # whole volumes of torch's run, and what was compiled from
    return Execution(backend, compiled, left, agreement)


def _require_agreement(
    agreement: float,
    network: SceneNetwork,
    backend: Backend,
    inputs: SceneInputs,
    expected: SceneLogits,
    *,
    by_name: bool,
) -> None:
    """Make sure that a backend agrees with torch; by name, it may lose in bfloat16 what torch loses by it.

    Raises:
        SscError: it does not.
    """
    least = REQUIRED[backend.precision]
    if by_name and backend.precision == "bf16" and agreement < least:
        # a network that makes much of every rounding is not the backend's fault
        with _without_backend(network):
            rounding = 1 - _agreement(network, backend, inputs, expected)
        _LOG.warning("bfloat16 alone changes %.2f%% of the labels that torch is sure of", 100 * rounding)
        least -= rounding
    if agreement < least:
        raise SscError(
            f"backend '{backend.name}' is refused: {agreement:.2%} of the voxels that torch is sure of get the "
            f"same label, {least:.2%} are expected"
        )


def _agreement(network: SceneNetwork, backend: Backend, inputs: SceneInputs, expected: SceneLogits) -> float:
    """Agreement of the network, as it is run now in a backend's precision, with what was expected."""
    # as the completer runs it: torch.compile would compile again for tensors of another mode
    device = next(iter(inputs.values())).device
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=backend.precision != "f32"):
        found = network({key: value.clone() for key, value in inputs.items()})
    assert found.scene is not None
    return agreement_of(expected, found.scene)


@contextmanager
def _without_backend(network: SceneNetwork) -> Iterator[None]:
    """Let torch run all of a network while the context is open."""
    compiled = [(part, part.compiled) for part in dense_parts(network)]
    restore(network)
    yield
    for part, run in compiled:
        part.replace(run)


@torch.no_grad()
def observe(network: SceneNetwork, inputs: SceneInputs) -> tuple[SceneOutput, list[Example]]:
    """What torch says of some inputs, and what the dense parts were given."""
    outputs: list[SceneOutput] = []
    examples = record(network, lambda: outputs.append(network(inputs)))
    return outputs[0], examples


def compile_parts(
    examples: Sequence[Example], backend: Backend, artefacts: Artefacts
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Replace dense parts; which ones, and which ones not and why.

    Raises:
        SscError: none could be compiled.
    """
    module = importlib.import_module(backend.compiler)
    compiled: list[str] = []
    left: list[tuple[str, str]] = []
    for example in examples:
        path = example.part.path
        try:
            example.part.replace(module.compile_part(example, backend, artefacts))
        except Exception as error:  # each library raises errors of its own
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            _LOG.warning("%s cannot compile '%s', torch runs it: %s", backend.name, path, reason)
            left.append((path, reason))
        else:
            compiled.append(path)
    if not compiled:
        raise SscError(f"backend '{backend.name}' could compile no part of this network: {left[0][1]}")
    return tuple(compiled), tuple(left)
